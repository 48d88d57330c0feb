"""What samples say of all the others, against sums of binomial probabilities and against draws."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from torchferry.bounds.confidence import agreement, needed_samples, uncovered


def test_the_numbers_of_the_tables() -> None:
    """Wilks 1941 and every table since: 59 samples for 95 % of the distribution with 95 % confidence, 459 for 99 % with 99 %."""
    assert needed_samples(0.95, 0.95) == 59
    assert needed_samples(0.99, 0.95) == 299
    assert needed_samples(0.99, 0.99) == 459


@pytest.mark.parametrize("samples", [1, 7, 459, 10_000])
def test_all_samples_fall_into_the_covered_part_as_seldom_as_the_confidence_says(samples: int) -> None:
    assert (1 - uncovered(samples)) ** samples == pytest.approx(0.01, rel=1e-9)


def test_the_largest_of_that_many_draws_covers_so_much_so_often() -> None:
    largest = np.random.default_rng(1).uniform(size=(20_000, needed_samples(0.95, 0.95))).max(1)
    assert (largest >= 0.95).mean() == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize(("rate", "samples"), [(0.5, 100), (0.9, 300), (0.99, 1000)])
def test_the_interval_of_a_rate_holds_the_rate_as_often_as_it_says(rate: float, samples: int) -> None:
    chance = [comb(samples, k) * rate**k * (1 - rate) ** (samples - k) for k in range(samples + 1)]
    holds = [low <= 100 * rate <= high for low, high in (agreement(k, samples) for k in range(samples + 1))]
    assert sum(p for p, held in zip(chance, holds, strict=True) if held) >= 0.98


def test_the_interval_stays_between_nothing_and_everything() -> None:
    assert agreement(0, 50)[0] == 0
    assert agreement(50, 50)[1] == 100
    assert agreement(50, 50)[0] < 100
