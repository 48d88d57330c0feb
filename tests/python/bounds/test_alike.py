"""A test sample that is a calibration sample, but for rounding, is no test."""

from __future__ import annotations

import numpy as np
import pytest

from torchferry.bounds.alike import other_samples
from torchferry.bounds.quantized import fresh_samples
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import Quantization

RNG = np.random.default_rng(2)
KNOWN = RNG.uniform(-1, 1, (300, 4, 5)).astype(np.float32)
TEST = RNG.uniform(-1, 1, (200, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("off", [0, 1e-7, -1e-7, 1e-5])
def test_what_rounding_could_have_moved_is_the_same(off: float) -> None:
    assert other_samples({"x": np.concatenate([TEST, KNOWN + np.float32(off)])}, {"x": KNOWN}) == list(range(200))
    with pytest.raises(FerryError, match="got all 300 test samples among the calibration data") as caught:
        fresh_samples(Quantization({"x": KNOWN}, {"x": KNOWN + np.float32(off)}))
    assert caught.value.code == ExitCode.BAD_INPUT


def test_noise_of_both_signs_is_no_way_round() -> None:
    moved = (KNOWN + RNG.choice([-1e-7, 1e-7], KNOWN.shape)).astype(np.float32)
    assert other_samples({"x": moved[::-1]}, {"x": KNOWN}) == []


def test_samples_that_differ_in_one_element_are_others() -> None:
    """Also where the sums are equal: what one element has more, another one has less."""
    moved = KNOWN.copy()
    moved[:, 0, 0] += 0.01
    moved[:, 1, 2] -= 0.01
    assert other_samples({"x": moved}, {"x": KNOWN}) == list(range(300))


def test_every_input_counts_and_integers_are_exact() -> None:
    ids = np.arange(300, dtype=np.int64)
    assert other_samples({"x": KNOWN, "id": ids}, {"x": KNOWN, "id": ids}) == []
    assert other_samples({"x": KNOWN, "id": ids}, {"x": KNOWN, "id": ids + 1}) == list(range(300))
    assert other_samples({"id": ids + 1}, {"id": ids}) == [299]


def test_nothing_is_like_nothing() -> None:
    assert other_samples({"x": TEST}, {"x": KNOWN[:0]}) == list(range(200))
