"""Bounds on CUDA of layers that cuDNN computes coarsely; the errors stated here were measured on an H100."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.spread import spread
from torchferry.bundle.reader import open_bundle

SEEN = 7.99e-6
"""The largest error of one gate that cuDNN 9.19 made, of an LSTM with 64 hidden values whose sums are exact."""


class _Last(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        shown: Tensor = self.layer(x)[0]
        return shown[:, -1]


def rows(module: nn.Module, out: Path) -> dict[str, float]:
    """The bounds of `torchscript` by device."""
    torchferry.export(module.eval(), inputs={"x": "float32[N,3,4]"}, to=["torchscript"], out=out, stress=False, note=str)
    found = [row for row in open_bundle(out).manifest.tolerances if row.engine == "torchscript" and row.numerics == "any"]
    assert all(row.device == "cpu" or "CUDA" in row.reason for row in found)
    return {row.device: row.bound for row in found}


@pytest.mark.parametrize("layer", spread([nn.LSTM, nn.GRU, nn.RNN], 1))
def test_a_gated_layer_has_room_for_the_errors_that_cudnn_was_seen_to_make(layer: type[nn.RNNBase], tmp_path: Path) -> None:
    torch.manual_seed(0)
    found = rows(_Last(layer(4, 64, batch_first=True)), tmp_path / "net")
    assert found["cuda"] == 256 * found["cpu"]
    assert found["cuda"] > 3 * SEEN


def test_a_gated_layer_of_a_torchscript_module_has_it_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    found = rows(torch.jit.script(_Last(nn.GRU(4, 8, batch_first=True)).eval()), tmp_path / "net")  # type: ignore[arg-type]
    assert found["cuda"] == 256 * found["cpu"]


@pytest.mark.parametrize(
    "module", [nn.Sequential(nn.Linear(4, 3), nn.Tanh()), _Last(nn.RNN(4, 8, nonlinearity="relu", batch_first=True))]
)
def test_what_cudnn_computes_to_the_last_bits_has_the_bound_of_the_cpu(module: nn.Module, tmp_path: Path) -> None:
    found = rows(module, tmp_path / "net")
    assert found["cuda"] == found["cpu"]
