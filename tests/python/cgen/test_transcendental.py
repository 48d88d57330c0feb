"""ln, log1p, sin and cos of any float32: a few ULP from the exact value, and exact where eager is."""

from __future__ import annotations

import numpy as np
import pytest

from builders.generated_c import Array
from torchferry.cgen import transcendental

EXACT = {"ln": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos}
LOW = {"ln": 0.0, "log1p": -1.0}


def sample(name: str, count: int = 500_000) -> Array:
    """Every magnitude that float32 has, and numbers around the interesting range."""
    rng = np.random.default_rng(7)
    patterns = rng.integers(0, 2**32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([patterns, rng.uniform(-200, 200, count).astype(np.float32), rng.uniform(-1, 3, count).astype(np.float32)])
    return x[np.isfinite(x) & (x > LOW.get(name, -np.inf))]


def errors(name: str, x: Array) -> Array:
    """In units of the last place of the float32 nearest to the exact value."""
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(np.float64))
        got = getattr(transcendental, name)(x).astype(np.float64)
        return np.abs(got - exact) / np.spacing(np.abs(exact.astype(np.float32))).astype(np.float64)


@pytest.mark.parametrize("name", EXACT)
def test_sampled_errors_stay_below_the_bound(name: str) -> None:
    found = errors(name, sample(name))
    assert not np.isnan(found).any()
    assert found.max() <= transcendental.ULP_BOUND[name]


@pytest.mark.parametrize(("name", "constant"), [("sin", "SIN"), ("cos", "COS"), ("sin", "HALF_PI")])
def test_the_bound_would_notice_a_wrong_constant(name: str, constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(transcendental, constant)
    wrong = tuple(c * np.float32(1 + 2e-4) for c in right) if isinstance(right, tuple) else right * np.float32(1 + 1e-6)
    monkeypatch.setattr(transcendental, constant, wrong)
    assert errors(name, sample(name, 100_000)).max() > transcendental.ULP_BOUND[name]


def test_numbers_that_are_nearest_to_whole_turns_keep_their_digits() -> None:
    """The float32 that comes nearest to a multiple of pi / 2 (Muller, Elementary Functions, section 11.2), and large ones."""
    x = np.float32([16367173.0 * 2.0**72, 1e22, 3.4e38, 2.0**127, 1e5])
    for name in ("sin", "cos"):
        import mpmath

        mpmath.mp.prec = 400
        exact = np.array([float(getattr(mpmath, name)(mpmath.mpf(float(number)))) for number in x])
        got = getattr(transcendental, name)(x)
        assert (np.abs(got - exact) <= 3 * np.spacing(np.abs(exact.astype(np.float32)))).all()
