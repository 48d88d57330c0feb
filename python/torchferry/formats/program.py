"""Format `export`: the torch.export program itself, which engine `eager` runs operator by operator in Python."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from torchferry.bundle.contract import Array
from torchferry.formats.weights import arrays
from torchferry.intake.source import ExportSource, Written

FILE = "model.export.pt2"


def export(source: ExportSource, folder: Path) -> Written:
    """Write model.export.pt2."""
    torch.export.save(source.program, folder / FILE)
    return Written((FILE,), f"torch {torch.__version__}")


def weights(data: bytes) -> dict[str, Array]:
    """Return the program's state_dict as arrays."""
    return arrays(torch.export.load(io.BytesIO(data)).state_dict)
