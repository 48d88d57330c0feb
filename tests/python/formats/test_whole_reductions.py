"""Largest and smallest values over all dims: torch.onnx gets the dims that they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry

WEIGHT = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


class Moved(nn.Module):
    """Adds a number that a function makes of the weights."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(WEIGHT))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """[N,3] -> [N,3]."""
        return x + self.function(self.weight)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (torch.amax, WEIGHT.max()),
        (lambda w: torch.amin(w, dim=[]), WEIGHT.min()),
        (lambda w: torch.amax(w, keepdim=True)[0], WEIGHT.max()),
        (lambda w: torch.aminmax(w)[0] + torch.aminmax(w)[1], WEIGHT.min() + WEIGHT.max()),
        (lambda w: torch.aminmax(w, dim=0)[1], WEIGHT.max(0)),
        (lambda w: torch.amax(w, dim=0) + torch.amax(w), WEIGHT.max(0) + WEIGHT.max()),
    ],
    ids=["amax", "amin of no dims", "kept dims", "aminmax", "aminmax of a dim", "both"],
)
def test_onnx_takes_the_largest_of_everything(
    function: Callable[[Tensor], Tensor], expected: np.ndarray[tuple[int, ...], np.dtype[np.float32]], tmp_path: Path
) -> None:
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    bundle = torchferry.export(
        Moved(function).eval(), inputs={"x": "float32[N,3]"}, outputs=["y"], golden=x, to=["onnx"], out=tmp_path / "b"
    )
    found = torchferry.Session(bundle, "onnxruntime").run({"x": x})["y"]
    assert np.abs(found - (x + expected)).max() < 1e-6
