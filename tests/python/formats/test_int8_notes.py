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


class LogOfProduct(nn.Module):
    """The logarithm of a product's absolute value, which is steep where that is small, to scores."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(36, 40), nn.Linear(40, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.log(self.first(x.flatten(1)).abs() + 1e-4))


def test_a_product_before_a_steep_function_is_said_to_stay_for_that(tmp_path: Path) -> None:
    (note,) = notes_of(LogOfProduct(), tmp_path / "net")
    assert "Linear 36 -> 40" in note
    assert "no int8 form" not in note
    assert "too steep for bytes" in note


def test_a_layer_beside_one_in_floats_is_not_said_to_have_no_int8_form(tmp_path: Path) -> None:
    module = nn.Sequential(*convolution(), nn.GroupNorm(2, 4), nn.ZeroPad2d(1), nn.GroupNorm(2, 4))
    first, second = notes_of(module, tmp_path / "net")
    assert "no int8 form here: normalize rows of 32" in first
    assert "a layer before or after them is: pad" in second
