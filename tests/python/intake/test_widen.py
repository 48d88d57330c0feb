"""A module of float32 in float64: what its dtype would change besides the digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.intake.widen import Widen, double_of, float64_everywhere

SMALL = torch.linspace(-1e-3, 1e-3, 24).reshape(3, 8)
WAYS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "a module": lambda norm, x: norm(x),
    "a function": lambda norm, x: torch.rms_norm(x, [8], norm.weight),
    "no eps by name": lambda norm, x: nn.functional.rms_norm(x, [8], weight=norm.weight, eps=None),
    "an operator": lambda norm, x: torch.ops.aten.rms_norm.default(x, [8], norm.weight),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("grad", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_a_norm_without_eps_keeps_that_of_float32(way: str, grad: Callable[[], torch.autograd.grad_mode.no_grad]) -> None:
    norm = nn.RMSNorm(8)
    x = SMALL.double()
    with grad(), float64_everywhere():
        found = WAYS[way](double_of(norm), x).detach()
    expected = x / (x.square().mean(-1, keepdim=True) + 2.0**-23).sqrt()
    assert torch.allclose(found, expected, rtol=1e-14, atol=0)


def test_a_norm_with_eps_keeps_its_own() -> None:
    x = SMALL.double()
    with Widen():
        found = nn.RMSNorm(8, eps=1e-3).double()(x).detach()
    assert torch.allclose(found, x / (x.square().mean(-1, keepdim=True) + 1e-3).sqrt(), rtol=1e-14, atol=0)


def test_a_norm_of_small_numbers_is_exported(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.RMSNorm(8), nn.Linear(8, 4)).eval()
    bundle = torchferry.export(module, inputs={"x": "float32[N,8]:-0.001..0.001"}, to=["onnx"], out=tmp_path / "norm")
    (row,) = (row for row in bundle.manifest.tolerances if row.engine == "onnxruntime" and row.device == "cpu")
    assert "certified" in row.reason
    assert np.isfinite(row.bound)
