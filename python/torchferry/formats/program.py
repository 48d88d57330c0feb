"""Format `export`: the torch.export program itself, which engine `eager` runs operator by operator in Python."""

from __future__ import annotations

from copy import copy
from pathlib import Path

import torch
from torch.export import ExportedProgram

from torchferry.bundle.manifest import Artifact
from torchferry.bundle.writer import file_entry
from torchferry.engines.program_door import judge_program
from torchferry.intake.source import ExportSource

FILE = "model.export.pt2"


def export(source: ExportSource, folder: Path) -> Artifact:
    """Write model.export.pt2. Raises FerryError(FORMAT) for a program that engine `eager` would not open."""
    torch.export.save(_without_code(source.program), folder / FILE)
    judge_program(FILE, (folder / FILE).read_bytes())  # what the engine would refuse is refused here, by its reason
    return Artifact(
        format="export",
        engine="eager",
        files=(file_entry(folder, FILE),),
        producer=f"torch {torch.__version__}",
        requires={},
    )


def _without_code(program: ExportedProgram) -> ExportedProgram:
    """The same program without sample inputs, which are saved as a pickle, and without guards, which are Python code."""
    bare = copy(program)
    bare._example_inputs = None
    bare._guards_code = []
    return bare
