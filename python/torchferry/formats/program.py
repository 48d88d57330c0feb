"""Format `export`: the torch.export program itself, which engine `eager` runs operator by operator in Python."""

from __future__ import annotations

from pathlib import Path

import torch

from torchferry.bundle.manifest import Artifact
from torchferry.bundle.writer import file_entry
from torchferry.intake.source import ExportSource

FILE = "model.export.pt2"


def export(source: ExportSource, folder: Path) -> Artifact:
    """Write model.export.pt2."""
    torch.export.save(source.program, folder / FILE)
    return Artifact(
        format="export",
        engine="eager",
        files=(file_entry(folder, FILE),),
        producer=f"torch {torch.__version__}",
        requires={},
    )
