"""Norms of numbers far from zero: what ExecuTorch computes beside torch, and beside float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from torchferry.formats import executorch
from torchferry.formats.centred_norms import with_centred_norms
from torchferry.intake.source import ExportSource

MEAN, WEIGHT = 1000.0, 1.5
# A mean near 1,000 is a float: its rounding alone is 2^-24 of it, its sum a few of those. The mean of squares would be off by 0.06.
LIMIT = 8 * 2.0**-24 * MEAN * WEIGHT
NORMS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "layer": (nn.LayerNorm(16), (16,)),
    "layer of two axes": (nn.LayerNorm([4, 6], elementwise_affine=False), (3, 4, 6)),
    "group": (nn.GroupNorm(2, 6), (6, 5, 4)),
    "group without scales": (nn.GroupNorm(3, 6, affine=False), (6, 7)),
    "instance": (nn.InstanceNorm2d(3, affine=True), (3, 5, 6)),
    "instance of sounds": (nn.InstanceNorm1d(3), (3, 20)),
    "instance of volumes": (nn.InstanceNorm3d(2), (2, 3, 4, 5)),
}


def numbers(count: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Numbers [count, ...] of a deviation of one around MEAN."""
    return torch.from_numpy(np.random.default_rng(2).normal(MEAN, 1, (count, *shape)).astype(np.float32))


def source_of(name: str) -> ExportSource:
    norm, shape = NORMS[name]
    with torch.no_grad():
        for number, parameter in enumerate(norm.parameters()):
            parameter.copy_(torch.linspace(0.5 - number, WEIGHT, parameter.numel()).reshape(parameter.shape))
    given = contract((spec("x", shape=("N", *shape)),), (spec("y", shape=("N", *shape)),)).with_max_batch(8)
    return ExportSource(norm.eval(), given, {"x": numbers(2, shape).numpy()})


def error(name: str, found: torch.Tensor, x: torch.Tensor) -> float:
    norm = NORMS[name][0]
    try:
        return float((found.double() - norm.double()(x.double())).abs().max())
    finally:
        norm.float()


@pytest.mark.parametrize("name", NORMS)
def test_the_operators_keep_a_small_variance(name: str) -> None:
    source, x = source_of(name), numbers(5, NORMS[name][1])
    made = with_centred_norms(source)
    assert made is not source
    with torch.no_grad():
        (found,) = made.module(x)
        assert error(name, found, x) <= LIMIT


def test_running_statistics_are_left_alone() -> None:
    norm = nn.InstanceNorm1d(3, track_running_stats=True).eval()
    given = contract((spec("x", shape=("N", 3, 20)),), (spec("y", shape=("N", 3, 20)),))
    source = ExportSource(norm, given, {"x": numbers(2, (3, 20)).numpy()})
    assert with_centred_norms(source) is source


@pytest.mark.parametrize("name", NORMS)
def test_so_does_executorch_in_every_batch(name: str, tmp_path: Path) -> None:
    loader = pytest.importorskip("executorch.extension.pybindings.portable_lib")
    source, x = source_of(name), numbers(8, NORMS[name][1])
    executorch.export(source, tmp_path)
    method = loader._load_for_executorch(str(tmp_path / executorch.FILE))
    for count in (1, 3, 8):
        found = method.forward((x[:count],))[0]
        assert found.shape == x[:count].shape
        assert error(name, found, x[:count]) <= LIMIT
