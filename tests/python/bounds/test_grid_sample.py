"""Sampling by a grid: what its places and weights round holds for inputs that were not drawn on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import torchferry


class Sampled(nn.Module):
    def __init__(self, mode: str, padding: str) -> None:
        super().__init__()
        self.mode, self.padding = mode, padding

    def forward(self, x: Tensor, grid: Tensor) -> Tensor:
        return functional.grid_sample(x, grid, mode=self.mode, padding_mode=self.padding, align_corners=False)


@pytest.mark.parametrize(("mode", "padding"), [("bicubic", "zeros"), ("bilinear", "reflection")])
def test_float32_stays_within_the_estimate_on_other_inputs(mode: str, padding: str, tmp_path: Path) -> None:
    module = Sampled(mode, padding).eval()
    inputs = {"x": "float32[N,2,5,7]:0..1", "grid": "float32[N,4,6,2]:-1.3..1.3"}
    bundle = torchferry.export(module, inputs=inputs, to=["torchscript"], out=tmp_path / "grid")
    bound = max(row.bound for row in bundle.manifest.tolerances if row.device == "cpu")
    rng = np.random.default_rng(5)
    x, grid = (torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32)) for low, high, shape in
               ((0, 1, (4096, 2, 5, 7)), (-1.3, 1.3, (4096, 4, 6, 2))))  # fmt: skip
    off = float((module(x, grid).double() - module(x.double(), grid.double())).abs().max())
    assert off < bound < 12 * off
