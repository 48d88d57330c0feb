"""Format `torchscript`, deprecated by PyTorch since 2.11: torch.jit.script, which keeps control flow; where it fails, torch.jit.trace.

A trace follows one run: it is refused where it would freeze a decision on values of the inputs. Decisions on their shapes are frozen too, and
exporter/acceptance.py holds the trace to eager on every golden and at other sizes.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch.jit._trace import TracerWarning

from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Artifact
from torchferry.engines.torchscript import load_archive
from torchferry.engines.torchscript_door import scan_archive
from torchferry.engines.torchscript_operators import REQUIRES_KEY
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.weights import arrays
from torchferry.intake.decisions import find_decisions
from torchferry.intake.origin import is_users, origin_of, place, script_origin
from torchferry.intake.source import SCRIPTED, TRACED, ExportSource, Written, first_line

FILE = "model.ts.pt"


def export(source: ExportSource, folder: Path) -> Written:
    """Write model.ts.pt. Raises FerryError(FORMAT) where the module can be neither scripted nor traced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # known, and said in the README's engine table
        compiled, how = compile_module(source.module, source.example_tensors)
        torch.jit.save(compiled, folder / FILE)
    outside = scan_archive(FILE, (folder / FILE).read_bytes()).outside
    for operator, where in outside.items():
        if operator not in source.allow_ops:
            raise FerryError(
                ExitCode.FORMAT,
                f"torchscript: {where}: got operator {operator}, expected one that only computes; rewrite it, or pass --allow-op {operator} "
                "(allow_ops) here and wherever the bundle is run",
            )
    requires = {REQUIRES_KEY: ",".join(sorted(outside))} if outside else {}
    return Written((FILE,), f"torch {torch.__version__}, {how}", requires)


def weights(artifact: Artifact, data: bytes, allow_ops: Collection[str]) -> dict[str, Array]:
    """Return the module's state_dict as arrays in their own shapes. Raises FerryError(FORMAT)."""
    module = load_archive(artifact.files[0].path, data, allow_ops=allow_ops, requires=artifact.requires)
    return arrays(module.state_dict())


def compile_module(module: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> tuple[Any, str]:
    """Script or trace the module, and say which: `scripted` or `traced`; `examples` are [N, ...]. Raises FerryError(FORMAT)."""
    try:
        scripted = torch.jit.script(module)
        if (unsaved := _unsaved(scripted)) is None:
            return scripted, SCRIPTED
        problem = f"torch.jit.script: {type(module).__name__}: {unsaved}"
    except Exception as error:  # the compiler raises errors of many kinds, ValueError for an annotation that it cannot resolve
        where = script_origin(str(error)) or origin_of(error)
        problem = f"torch.jit.script: {type(module).__name__}: {first_line(error).rstrip(':')}{f' at {where}' if where else ''}"
    return _trace(module, examples, problem), TRACED


def _trace(module: torch.nn.Module, examples: tuple[torch.Tensor, ...], script_problem: str) -> Any:
    try:
        with torch.no_grad(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            traced = torch.jit.trace(module, examples, check_trace=False, strict=False)
    except Exception as error:  # whatever the user's code raises on traced tensors
        where = origin_of(error)
        raise _neither(script_problem, f"{first_line(error)}{f' at {where}' if where else ''}") from None
    if (unsaved := _unsaved(traced)) is not None:
        raise _neither(script_problem, unsaved)
    decisions = find_decisions(module, examples)
    warned = [item for item in caught if issubclass(item.category, TracerWarning) and is_users(item.filename)]
    # A size that comes from values is no Python value in eager: only the tracer sees a decision by it.
    frozen = decisions.on_values + ([place(item.filename, item.lineno) for item in warned] if decisions.on_sizes else [])
    if frozen:
        raise _neither(script_problem, f"it would freeze a decision that depends on the data at {frozen[0]}")
    return traced


def _unsaved(compiled: Any) -> str | None:
    """Return why no file can hold compiled code, as where it calls the Python of an autograd.Function; None where one can."""
    try:
        compiled.save_to_buffer()
    except Exception as error:  # torch raises errors of many kinds
        return first_line(error)
    return None


def _neither(script_problem: str, trace_problem: str) -> FerryError:
    return FerryError(
        ExitCode.FORMAT,
        f"{script_problem}; and torch.jit.trace: {trace_problem}; write that line so that torch.jit.script takes it, or leave torchscript out of --to",
    )
