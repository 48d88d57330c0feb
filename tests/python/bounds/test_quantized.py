"""The bounds of int8: at least twice what was seen, and refused where they would pass any model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from torchferry.bounds.quantized import quantized_bounds
from torchferry.bundle.golden import CaseArrays
from torchferry.cgen import int8_graph, reference
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource, Quantization

CONTRACT = contract((spec("x", shape=("N", 8)),), (spec("y", shape=("N", 3)),))
X = np.random.default_rng(4).normal(size=(64, 8)).astype(np.float32)
FLOAT32 = Bound(1e-6, "a test")


def network() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)).eval()


def case_of(net: nn.Module, share: float = 1.0) -> CaseArrays:
    """The answers for X; with `share` the goldens are of a model whose outputs are so much smaller."""
    with torch.no_grad():
        y = net(torch.from_numpy(X)).numpy() * np.float32(share)
    return CaseArrays("c", {"x": X}, {"y": y}, {"y": y.astype(np.float64)})


def test_a_bound_is_twice_what_was_seen_and_what_float32_may_be_off() -> None:
    net = network()
    source = ExportSource(net, CONTRACT, {"x": X}, quantization=Quantization({"x": X}))
    (answer,) = reference.run(int8_graph(source.functional_program, CONTRACT, {"x": X}), {"x": X})
    seen = np.abs(answer.astype(np.float64) - case_of(net).float64["y"]).max()
    assert seen > 100 * FLOAT32.value
    found = quantized_bounds(source, [case_of(net)], {"y": FLOAT32})["y"]
    assert 2 * seen <= found.value <= 10 * seen


def test_a_bound_that_would_pass_any_model_is_refused() -> None:
    net = network()
    source = ExportSource(net, CONTRACT, {"x": X}, quantization=Quantization({"x": X}))
    with pytest.raises(FerryError, match="a larger one would pass any model") as caught:
        quantized_bounds(source, [case_of(net, share=0.02)], {"y": FLOAT32})
    assert caught.value.code == ExitCode.MISMATCH
