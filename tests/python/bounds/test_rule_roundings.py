"""The least exact way that an engine may compute: sums that lose every term, products one after the other, remainders that round up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from torchferry.bounds.error_bound import Bounded, exact
from torchferry.bounds.rules import rules
from torchferry.bundle.contract import Array

RULES = rules()
N = 55  # 1 / 55 rounds down in float32, as what loses terms does: both errors add up
LOST = np.array([1.0] + [2.0**-24] * (N - 1))
"""One and halves of its last bit: added one by one in float32, each half is lost; exactly they come to (N - 1) u."""


def one_by_one(terms: Array) -> float:
    return float(np.add.accumulate(terms.astype(np.float32), dtype=np.float32)[-1])


def row(*shape: int) -> Bounded:
    return exact(LOST.reshape(shape))


SUMS: dict[str, Callable[[], Any]] = {
    "sum": lambda: RULES["sum"](row(N)),
    "sum over an axis": lambda: RULES["sum"](row(1, N), 1),
    "norm of order 1": lambda: RULES["norm"](row(N), 1),
    "linear": lambda: RULES["linear"](row(1, N), exact(np.ones((1, N)))),
    "mv": lambda: RULES["mv"](row(1, N), exact(np.ones(N))),
    "einsum": lambda: RULES["einsum"]("a,a->", [row(N), exact(np.ones(N))]),
    "conv1d": lambda: RULES["conv1d"](row(1, 1, N), exact(np.ones((1, 1, N)))),
    "cumsum": lambda: Bounded(*(part[-1] for part in (RULES["cumsum"](row(N), 0).real, RULES["cumsum"](row(N), 0).error))),
    "scatter_add": lambda: RULES["scatter_add"](exact(LOST[:1]), 0, exact(np.zeros(N - 1, dtype=np.int64)), exact(LOST[1:])),
    "index_add": lambda: RULES["index_add"](exact(LOST[:1]), 0, exact(np.zeros(N - 1, dtype=np.int64)), exact(LOST[1:])),
    "embedding_bag": lambda: RULES["embedding_bag"](row(N, 1), exact(np.arange(N)), exact(np.zeros(1, dtype=np.int64)))[0],
}
MEANS: dict[str, Callable[[], Any]] = {
    "mean": lambda: RULES["mean"](row(N)),
    "embedding_bag": lambda: RULES["embedding_bag"](row(N, 1), exact(np.arange(N)), exact(np.zeros(1, dtype=np.int64)), False, 1)[
        0
    ],
    "avg_pool1d": lambda: RULES["avg_pool1d"](row(1, 1, N), N),
    "avg_pool2d": lambda: RULES["avg_pool2d"](row(1, 1, 5, 11), (5, 11)),
    "adaptive_avg_pool1d": lambda: RULES["adaptive_avg_pool1d"](row(1, 1, N), 1),
}


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_that_loses_every_term_is_in_its_bound(name: str) -> None:
    found = SUMS[name]()
    assert np.allclose(found.real, LOST.sum(), rtol=1e-15)
    off = LOST.sum() - one_by_one(LOST)
    assert off == (N - 1) * 2.0**-24, "no sum of N numbers up to 1 is further off"
    assert (off <= found.error).all()
    assert (found.error <= 3 * off).all()


@pytest.mark.parametrize("name", MEANS)
def test_a_mean_that_loses_every_term_and_divides_by_a_rounded_reciprocal_is_in_its_bound(name: str) -> None:
    """An engine may divide the sum, or multiply it by a rounded reciprocal."""
    found = MEANS[name]()
    ways = [np.float32(one_by_one(LOST)) * (np.float32(1) / np.float32(N)), np.float32(one_by_one(LOST)) / np.float32(N)]
    off = max(abs(LOST.sum() / N - float(way)) for way in ways)
    assert off > (N - 0.6) * 2.0**-24 / N, "more than the sum alone is off"
    assert np.allclose(found.real, LOST.sum() / N, rtol=1e-15)
    assert (off <= found.error).all()
    assert (found.error <= 4 * off).all()


@pytest.mark.parametrize("count", [3, 20, 64])
def test_a_product_one_after_the_other_is_in_its_bound(count: int) -> None:
    x = np.random.default_rng(4).uniform(0.5, 1.5, (60_000, count)).astype(np.float32)
    found = RULES["prod"](exact(x.astype(np.float64)), 1)
    wanted = x.astype(np.longdouble).prod(1)
    off = np.abs(np.multiply.accumulate(x, 1, dtype=np.float32)[:, -1].astype(np.longdouble) - wanted)
    assert (off <= found.error).all()
    assert count < 64 or (off / wanted).max() * 2**24 > 8


@pytest.mark.parametrize("name", ["remainder", "fmod"])
def test_a_remainder_that_moves_by_its_divisor_is_rounded(name: str) -> None:
    x, y = np.array([-(2.0**-30), 7.5, -7.5]), np.full(3, 0.75)
    found = RULES[name](exact(x), exact(y))
    narrow = getattr(np, name)(x.astype(np.float32), y.astype(np.float32)).astype(np.float64)
    assert (np.abs(narrow - found.value) <= found.error).all()
    assert name == "fmod" or narrow[0] != found.value[0], "0.75 - 2^-30 is no float32"


def test_a_filled_constant_is_rounded() -> None:
    for found in (
        RULES["full"]([3], 0.1),
        RULES["full_like"](exact(np.zeros(3)), 0.1),
        RULES["new_full"](exact(np.zeros(1)), [3], 0.1),
        RULES["fill"](exact(np.zeros(3)), 0.1),
        RULES["constant_pad_nd"](exact(np.zeros(1)), [1, 2], 0.1),
    ):
        off = np.abs(np.full(found.value.shape, np.float32(0.1), dtype=np.float64) - found.value)
        assert (off[found.value != 0] <= found.error[found.value != 0]).all()
        assert off.max() > 0
        assert found.error.max() <= 1e-8
