"""Format `export`: the torch.export program itself, which engine `eager` runs operator by operator in Python."""

from __future__ import annotations

import io
from collections.abc import Collection
from copy import copy
from pathlib import Path

import torch
from torch.export import ExportedProgram

from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Artifact
from torchferry.engines.program_door import judge_program
from torchferry.engines.program_loader import load_weights
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.weights import arrays
from torchferry.intake.quiet import quiet
from torchferry.intake.source import ExportSource, Written

FILE = "model.export.pt2"


def export(source: ExportSource, folder: Path) -> Written:
    """Write model.export.pt2. Raises FerryError(FORMAT) for a program that engine `eager` would not open."""
    saved = io.BytesIO()
    with quiet():  # torch warns of weights that are parts of one memory, which lie on the CPU here
        torch.export.save(_without_code(source.program), saved)
    try:
        judge_program(FILE, saved.getvalue())
    except FerryError as error:  # what the engine would refuse is refused here, by its reason, and with another remedy
        reason = str(error).rpartition(";")[0]
        raise FerryError(
            ExitCode.FORMAT, f"{reason}; engine eager takes no such program from a bundle, other formats may"
        ) from None
    (folder / FILE).write_bytes(saved.getvalue())
    return Written((FILE,), f"torch {torch.__version__}")


def weights(artifact: Artifact, data: bytes, allow_ops: Collection[str]) -> dict[str, Array]:
    """Return the program's state_dict as arrays in their own shapes. Raises FerryError(FORMAT)."""
    del allow_ops  # of TorchScript
    return arrays(load_weights(artifact.files[0].path, data))


def _without_code(program: ExportedProgram) -> ExportedProgram:
    """Return the same program without sample inputs, which are saved as a pickle, and without guards, which are Python code."""
    bare = copy(program)
    bare._example_inputs = None
    bare._guards_code = []
    return bare
