"""Format `torchscript`, deprecated by PyTorch since 2.11: torch.jit.script, which keeps control flow; where it fails, torch.jit.trace.

A trace follows one run: it is refused where it would freeze a decision, and exporter.py holds it to eager on every golden and at
other sizes.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch.jit._trace import TracerWarning

from torchferry.bundle.manifest import Artifact
from torchferry.bundle.writer import file_entry
from torchferry.errors import ExitCode, FerryError
from torchferry.export.origin import is_users, origin_of, place, script_origin
from torchferry.export.source import ExportSource, first_line

FILE = "model.ts.pt"


def export(source: ExportSource, folder: Path) -> Artifact:
    """Write model.ts.pt. Raises FerryError(FORMAT) where the module can be neither scripted nor traced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # known, and said in the README's engine table
        compiled, how = compile_module(source.module, source.example_tensors)
        torch.jit.save(compiled, folder / FILE)
    return Artifact(
        format="torchscript",
        engine="torchscript",
        files=(file_entry(folder, FILE),),
        producer=f"torch {torch.__version__}, {how}",
        requires={},
    )


def compile_module(module: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> tuple[Any, str]:
    """The module for TorchScript, and whether it was `scripted` or `traced`. Raises FerryError(FORMAT)."""
    try:
        return torch.jit.script(module), "scripted"
    except Exception as error:  # the compiler raises errors of many kinds, ValueError for an annotation that it cannot resolve
        where = script_origin(str(error)) or origin_of(error)
        problem = f"torch.jit.script: {type(module).__name__}: {first_line(error).rstrip(':')}{f' at {where}' if where else ''}"
    return _trace(module, examples, problem), "traced"


def _trace(module: torch.nn.Module, examples: tuple[torch.Tensor, ...], script_problem: str) -> Any:
    try:
        with torch.no_grad(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            traced = torch.jit.trace(module, examples, check_trace=False, strict=False)
    except Exception as error:  # whatever the user's code raises on traced tensors
        where = origin_of(error)
        raise _neither(script_problem, f"{first_line(error)}{f' at {where}' if where else ''}") from None
    frozen = [item for item in caught if issubclass(item.category, TracerWarning) and is_users(item.filename)]
    if frozen:
        raise _neither(
            script_problem,
            f"it would freeze a decision that depends on the data at {place(frozen[0].filename, frozen[0].lineno)}",
        )
    return traced


def _neither(script_problem: str, trace_problem: str) -> FerryError:
    return FerryError(
        ExitCode.FORMAT,
        f"{script_problem}; and torch.jit.trace: {trace_problem}; write that line so that torch.jit.script takes it, or leave torchscript out of --to",
    )
