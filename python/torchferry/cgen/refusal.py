"""One-line refusals: what --to c cannot take, and where in the user's module it stands."""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.fx

from torchferry.errors import ExitCode, FerryError
from torchferry.intake import origin, source

# Torch's own files: installed, or by the short names that some of its passes leave.
_TORCH = (str(Path(torch.__file__).parent), "torch/")
_WRAPPERS = f"{source.__name__}."


def place(node: torch.fx.Node) -> str:
    """Return the start of a message, `layers.0 (Conv2d) at model.py:12: return self.layers(x): `, from what torch.export keeps.

    The line is the user's own, and not there where only torch's code runs, as in a Sequential. Empty where nothing was kept.
    """
    where = " at ".join(part for part in (_module(node), _users_line(node)) if part)
    return f"{where}: " if where else ""


def _module(node: torch.fx.Node) -> str:
    """Path and class of the innermost module; of the outermost one the class alone."""
    stack, path = _module_stack(node), module_path(node)
    name = stack[-1][1].rpartition(".")[2] if stack else ""
    return f"{path} ({name})" if path else name


def _users_line(node: torch.fx.Node) -> str:
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    users = [line for line in lines if origin.is_users(line[0]) and not line[0].startswith(_TORCH)]
    return origin.place(users[-1][0], int(users[-1][1])) if users else ""


def module_path(node: torch.fx.Node) -> str:
    """Return the path of the innermost module that the node stands in, as the user's module counts: empty for that itself."""
    stack = _module_stack(node)
    return stack[-1][0].removeprefix(stack[0][0]).removeprefix(".") if stack else ""


def _module_stack(node: torch.fx.Node) -> list[tuple[str, str]]:
    """Path and class of each module around the node, without the exporter's wrappers."""
    entries = [entry for entry in (node.meta.get("nn_module_stack") or {}).values() if isinstance(entry, tuple)]
    return [(path, str(kind)) for path, kind in entries if path != kind and not str(kind).startswith(_WRAPPERS)]


def module_calls(node: torch.fx.Node) -> list[tuple[str, int]]:
    """Return path and number, from 1, of the calls that the node stands in, outermost first, without the user's module itself."""
    stack = {key: entry for key, entry in (node.meta.get("nn_module_stack") or {}).items() if isinstance(entry, tuple)}
    known = _module_stack(node)
    calls = [(path, key.partition("@")[2]) for key, (path, kind) in stack.items() if (path, str(kind)) in known]
    frame = known[0][0] if known else ""
    return [(path.removeprefix(frame).removeprefix("."), int(number or 0) + 1) for path, number in calls[1:]]


def refuse(node: torch.fx.Node, got: str, expected: str, *, code: ExitCode = ExitCode.FORMAT) -> FerryError:
    """Make the error for a node that cannot be expressed in C; the caller raises it."""
    return FerryError(
        code, f"c: {place(node)}got {got}, expected {expected}; change the module or export it to torchscript or onnx"
    )
