"""Pools of many geometries: near float64 eager, and the bits of the definition in C, of planes and with channels last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import load, same_bits, subject_of
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.ops.pool2d import AvgPool2d, MaxPool2d

GEOMETRIES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "halves": (nn.MaxPool2d(2), (3, 6, 34)),
    "a ResNet's": (nn.MaxPool2d(3, 2, 1), (3, 9, 21)),
    "five rows": (nn.MaxPool2d(5, 1, 2), (3, 7, 19)),
    "rows of a window beyond both ends": (nn.MaxPool2d((7, 3), (1, 2), (3, 1)), (2, 2, 5)),
    "dilation over the ends": (nn.MaxPool2d(3, 1, 1, dilation=(3, 2)), (2, 6, 9)),
    "a rounded up end": (nn.MaxPool2d(3, 4, 1, ceil_mode=True), (2, 9, 13)),
    "one column": (nn.MaxPool2d((4, 1), (3, 1), (2, 0)), (2, 11, 1)),
    "strides beyond the window": (nn.MaxPool2d((1, 2), (3, 5)), (2, 8, 20)),
    "means": (nn.AvgPool2d(3, 1, 1), (3, 6, 24)),
    "means of halves": (nn.AvgPool2d(2), (3, 7, 33)),
    "means inside only": (nn.AvgPool2d((3, 5), (2, 1), (1, 2), count_include_pad=False), (3, 7, 18)),
    "means with a rounded up end": (nn.AvgPool2d(3, 4, 1, ceil_mode=True), (2, 9, 13)),
    "means over a number": (nn.AvgPool2d((2, 4), (1, 3), (1, 2), divisor_override=3), (2, 5, 10)),
    "a mean of all": (nn.AvgPool2d((5, 4)), (3, 5, 4)),
    "three dims": (nn.MaxPool3d(3, 2, 1), (2, 5, 6, 9)),
    "means of three dims": (nn.AvgPool3d(3, 2, 1, count_include_pad=False), (2, 5, 6, 9)),
    "one dim": (nn.MaxPool1d(3, 2, 1), (2, 20)),
}


def extremes(shape: tuple[int, ...]) -> np.ndarray:
    """Return samples with zeros of both signs, infinities and NaN among few numbers, so that many are equal."""
    numbers = np.array([-0.0, 0.0, -1.0, -1e-42, np.inf, -np.inf, np.nan], np.float32)
    chosen = np.random.default_rng(1).choice(numbers, (6, *shape), p=(0.3, 0.2, 0.2, 0.1, 0.02, 0.13, 0.05))
    chosen[0] = -np.inf
    chosen[1] = -0.0
    return chosen.astype(np.float32)


@pytest.mark.parametrize("between", [False, True], ids=["planes", "between convolutions"])
@pytest.mark.parametrize("name", spread(GEOMETRIES, 8))
def test_the_bits_of_the_definition_near_float64(name: str, between: bool, tmp_path: Path) -> None:
    pool, shape = GEOMETRIES[name]
    if between:
        if len(shape) != 3:
            pytest.skip("convolutions over two dims stand around pools over two dims")
        torch.manual_seed(0)
        pool = nn.Sequential(nn.Conv2d(shape[0], 20, 1), nn.ReLU(), pool, nn.Conv2d(20, 3, 1)).eval()
    samples = {"x": normal(5, *shape)}
    subject = subject_of(pool, (spec("x", shape=("N", *shape)),), ("y",), samples)
    nodes = [node for node in subject.generated.graph.nodes if isinstance(node, MaxPool2d | AvgPool2d)]
    assert nodes
    assert all(node.last == between for node in nodes)
    (made,) = reference.run(subject.generated.graph, samples)
    with torch.no_grad():
        exact = pool.double()(torch.from_numpy(samples["x"]).double()).numpy()
    pool.float()
    assert made.shape == exact.shape
    assert np.abs(made - exact).max() <= 64 * 2.0**-24 * (1 + np.abs(exact).max())
    special = {"x": extremes(shape)}
    (bits,) = reference.run(subject.generated.graph, special)
    for compiler, flags in (("gcc", ("-O0",)), ("gcc", ("-O3", "-march=native")), ("clang", ("-O2",))):
        library = load(subject, tmp_path, compiler, *flags)
        assert same_bits(library.run(samples), {"y": made}), (compiler, flags)
        assert same_bits(library.run(special), {"y": bits}), (compiler, flags)


@pytest.mark.parametrize("name", [name for name, (pool, _) in GEOMETRIES.items() if "Max" in type(pool).__name__])
def test_the_largest_of_extremes_is_that_of_eager(name: str) -> None:
    pool, shape = GEOMETRIES[name]
    samples = {"x": extremes(shape)}
    subject = subject_of(pool, (spec("x", shape=("N", *shape)),), ("y",), samples)
    (made,) = reference.run(subject.generated.graph, samples)
    np.testing.assert_array_equal(made, pool(torch.from_numpy(samples["x"])).numpy())
    assert not np.signbit(made[made == 0]).any()
