"""What an int8 export says of layers that it leaves in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

import torchferry

GOLDEN = np.random.default_rng(0).random((400, 1, 6, 6), np.float32)


def notes_of(module: nn.Module, out: Path) -> list[str]:
    notes: list[str] = []
    options = {"to": ["c"], "quantize": "int8", "golden": GOLDEN, "out": out, "note": notes.append}
    torchferry.export(module.eval(), inputs={"x": "float32[N,1,6,6]:0..1"}, **options)  # type: ignore[arg-type]
    return [note for note in notes if note.startswith("c-int8: in float32")]


def convolution() -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Conv2d(1, 4, 3), nn.ReLU()]


def test_a_layer_without_an_int8_form_is_named(tmp_path: Path) -> None:
    (note,) = notes_of(nn.Sequential(*convolution(), nn.GroupNorm(2, 4), nn.Conv2d(4, 2, 1)), tmp_path / "net")
    assert "normalize rows of 32" in note


def test_where_all_are_integers_nothing_is_said(tmp_path: Path) -> None:
    assert (
        notes_of(nn.Sequential(*convolution(), nn.ConvTranspose2d(4, 4, 2, 2), nn.Flatten(), nn.Linear(256, 3)), tmp_path / "net")
        == []
    )
