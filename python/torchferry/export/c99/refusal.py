"""One-line refusals: what --to c cannot take, and where in the user's module it stands."""

from __future__ import annotations

import re

import torch.fx

from torchferry.errors import ExitCode, FerryError


def place(node: torch.fx.Node) -> str:
    """`layers.0 at model.py:12: ` from the metadata that torch.export keeps; empty where it kept none."""
    module = module_path(node)
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    lines = [line for line in lines if not line[0].endswith("torchferry/export/source.py")]  # our wrapper
    own = [line for line in lines if "/torch/" not in line[0]] or lines
    at = f"{own[-1][0].rsplit('/', 1)[-1]}:{own[-1][1]}" if own else ""
    where = " at ".join(part for part in (module, at) if part)
    return f"{where}: " if where else ""


def module_path(node: torch.fx.Node) -> str:
    """The path of the innermost module that the node stands in, without the exporter's wrapper."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [entry[0] if isinstance(entry, tuple) else str(entry) for entry in stack.values()]
    path = paths[-1] if paths else ""
    return path.removeprefix("module.") if path != "module" else ""


def refuse(node: torch.fx.Node, got: str, expected: str, *, code: ExitCode = ExitCode.FORMAT) -> FerryError:
    """The error for a node that cannot be expressed in C."""
    return FerryError(
        code, f"c: {place(node)}got {got}, expected {expected}; change the module or export it to torchscript or onnx"
    )
