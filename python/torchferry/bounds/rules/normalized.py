"""Layer, group, instance and root-mean-square norms: (x - mean) / sqrt(variance + eps), times a scale, plus a shift.

What the error e of x does. With c = x - mean and s = sqrt(mean(c^2) + eps), s is the 2-norm of c / sqrt(n) beside sqrt(eps), and
taking the mean away is a projection. So s moves by at most rms(e), however small it is, and c_i by at most e_i + mean(e):

    |c' / s' - c / s| <= (e_i + mean(e) + |c_i / s| rms(e)) / s',  s' >= max(s - rms(e), sqrt(eps))

What the arithmetic does. Engines compute the variance in three ways, and the bound is that of the worst. E is the error of a mean,
q = mean(x^2), v the variance, d its root.

- mean(x^2) - mean^2, which loses most where the mean is large (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition,
  section 1.9): gamma_(n+5) q + 2 |mean| E + E^2.
- mean((x - mean)^2), in two passes (Higham, problem 1.10): gamma_(n+6) (v + E^2) + E^2.
- Updates, number by number (Welford) or part by part (T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance,
  1983). Parts of a and b numbers add w D^2 to n v, with w = a b / (a + b) and D the distance of their means, which is off by the
  errors of both. The mean of a part is off by at most u times the mean of its |x| for each number in it, which is u times the sum of
  its |x|, and that is at most sqrt((a + b) n q). The sums of w (a + b) and of w over all parts are at most n^2 and n L, with
  L = max(1, log2(n) / 2). By the inequality of Cauchy and Schwarz n v is off by n times A = 2 d (gamma_n sqrt(q) + 2 sqrt(L) F) +
  4 L E^2, to which roundings add gamma_(n+8) (v + A).

A mean is off by gamma_(n+2) mean|x| in any order. Updates M += D b / (a + b) round D b / (a + b) three times: F = 3 u (d sqrt(log2 n)
+ 4 max|c|), the first where the smaller part is added to the larger one (again by Cauchy and Schwarz, the sum of b^2 / w being at most
n log2(n)), the second where it is the other way round, for parts that double in size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, add, constant, multiply
from torchferry.bounds.rounding import FUNCTIONS, SMALLEST, UNIT, Float64, gamma
from torchferry.bounds.rules import Rule
from torchferry.intake.widen import RMS_EPS


@dataclass(frozen=True)
class _Rows:
    """What bounds rows of n numbers in float32, whatever they are within their error: all but n are of the shape [..., 1]."""

    n: int
    average: Float64  # of |x|, at most
    furthest: Float64  # of |x - mean|, at most
    squares: Float64  # the mean of x^2, at most
    mean: Float64  # |mean|, at most; 0 where no mean is taken away
    spread: Float64  # the root of the variance, at most
    centred: bool

    @property
    def mean_error(self) -> Float64:
        """How far the mean can be off."""
        if not self.centred:
            return np.zeros_like(self.mean)
        return np.asarray(gamma(self.n + 2) * self.average + self.update_error + 2 * SMALLEST)

    @property
    def update_error(self) -> Float64:
        """What updates add to the error of a mean."""
        return np.asarray(3 * UNIT * (np.sqrt(np.log2(self.n)) * self.spread + 4 * self.furthest))

    @property
    def variance_error(self) -> Float64:
        """How far the variance can be off, or without a mean the mean of squares."""
        n, squares, off, variance = self.n, self.squares, self.mean_error, self.spread**2
        if not self.centred:
            return gamma(n + 2) * squares
        by_squares = gamma(n + 5) * squares + 2 * self.mean * off + off**2
        in_two_passes = gamma(n + 6) * (variance + off**2) + off**2
        parts = max(1.0, np.log2(n) / 2)
        moved = 2 * self.spread * (gamma(n) * np.sqrt(squares) + 2 * np.sqrt(parts) * self.update_error) + 4 * parts * off**2
        by_updates = gamma(n + 8) * (variance + moved) + moved
        return np.asarray(np.maximum(np.maximum(by_squares, in_two_passes), by_updates))


def _normalized(x: Bounded, eps: float, *, centred: bool = True) -> Bounded:
    """Bound c / s of rows [..., n]; infinite where the variance may vanish beside its own error."""
    mean = x.real.mean(-1, keepdims=True) * centred
    centre, drift = x.real - mean, np.sqrt((x.error**2).mean(-1, keepdims=True))
    moved = x.error + x.error.mean(-1, keepdims=True) * centred
    spread = np.sqrt((centre**2).mean(-1, keepdims=True))
    s = np.sqrt(spread**2 + eps)
    rows = _Rows(
        n=x.value.shape[-1],
        average=x.size.mean(-1, keepdims=True),
        furthest=(np.abs(centre) + moved).max(-1, keepdims=True),
        squares=(x.size**2).mean(-1, keepdims=True),
        mean=(np.abs(mean) + x.error.mean(-1, keepdims=True)) * centred,
        spread=spread + drift,
        centred=centred,
    )
    with np.errstate(all="ignore"):
        least = np.maximum(s - drift, np.sqrt(eps))
        value = np.asarray(centre / s)
        carried = (moved + np.abs(value) * drift) / least
        error = carried + _arithmetic(rows, x.size, np.abs(centre) + moved, least, eps)
    return Bounded(value, np.nan_to_num(error, nan=np.inf, posinf=np.inf))


def _arithmetic(rows: _Rows, size: Float64, centre: Float64, s: Float64, eps: float) -> Float64:
    """Return the error of computing c / s [..., n] in float32, where |x| is at most `size`, |c| at most `centre`, s at least `s`.

    As (x - mean) (1 / s), or folded into x (1 / s) - mean (1 / s): four roundings of what is subtracted.
    """
    variance = rows.variance_error + float(constant(eps).error) + rows.n * SMALLEST
    share = variance / s**2 + UNIT * (1 + variance / s**2)  # of s^2, where eps is added with one rounding
    relative = (1 + (FUNCTIONS["rsqrt"].relative + 2) * UNIT) / np.sqrt(1 - share) - 1
    off = rows.mean_error
    rounding = (gamma(4) * (size + rows.mean + off) + off) / s * (1 + relative)
    return np.where(share < 1, centre / s * relative + rounding + 4 * SMALLEST * (1 + 1 / s), np.inf)


def _affine(plain: Bounded, weight: Bounded | None, bias: Bounded | None) -> Bounded:
    """Bound plain * weight + bias, which an engine may fold: the shift is then rounded once more."""
    scaled = plain if weight is None else multiply(plain, weight)
    if bias is None:
        return scaled
    shifted = add(scaled, bias)
    return Bounded(shifted.value, shifted.error + UNIT * bias.size)


def _over_last(x: Bounded, dims: int, eps: float, *, centred: bool) -> Bounded:
    rows = x.value.shape[: x.value.ndim - dims]
    return _reshaped(_normalized(_reshaped(x, (*rows, -1)), eps, centred=centred), x.value.shape)


def _layer_norm(
    x: Bounded, shape: Sequence[int], weight: Bounded | None = None, bias: Bounded | None = None, eps: float = 1e-5, *_: Any
) -> Bounded:
    return _affine(_over_last(x, len(shape), eps, centred=True), weight, bias)


def _rms_norm(x: Bounded, shape: Sequence[int], weight: Bounded | None = None, eps: float | None = None) -> Bounded:
    return _affine(_over_last(x, len(shape), RMS_EPS if eps is None else eps, centred=False), weight, None)


def _group_norm(
    x: Bounded, groups: int, weight: Bounded | None = None, bias: Bounded | None = None, eps: float = 1e-5, *_: Any
) -> Bounded:
    grouped = _reshaped(x, (x.value.shape[0], groups, -1))
    plain = _reshaped(_normalized(grouped, eps), x.value.shape)
    return _affine(plain, _over_channels(weight, x), _over_channels(bias, x))


def _instance_norm(x: Bounded, weight: Bounded | None, bias: Bounded | None, *kept: Any) -> Bounded:
    *_, own, _momentum, eps, _cudnn = kept
    if not own:
        raise NotCertifiedError("an instance norm with kept statistics has no certified rule")
    return _group_norm(x, x.value.shape[1], weight, bias, eps)


def _over_channels(part: Bounded | None, x: Bounded) -> Bounded | None:
    return None if part is None else _reshaped(part, (1, -1, *[1] * (x.value.ndim - 2)))


def _reshaped(x: Bounded, shape: Sequence[int]) -> Bounded:
    return Bounded(x.real.reshape(shape), x.error.reshape(shape))


RULES: dict[str, Rule] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
}
