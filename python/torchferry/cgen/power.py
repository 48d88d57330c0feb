"""x to the power y in float32, with the rounding steps of the C: 2^(y log2 x), whose exponent has two floats.

A pair of floats is their exact sum. `product` and `split` are T. Dekker's (A floating-point technique for extending the available
precision, 1971): no operation is fused anywhere, so the low part is the exact error of the high one.
log2 x = n + 2 / ln 2 * artanh(s), s = (m - 1) / (m + 1), x = 2^n m with m between the roots of 1 / 2 and 2.
"""

from __future__ import annotations

import math

import numpy as np

from torchferry.cgen import elementary
from torchferry.cgen.elementary import Floats, bits

ULP_BOUND = 2

Factor = Floats | np.float32

_F = np.float32
_HUGE = np.finfo(np.float32).max
SPLIT = _F(4097.0)
THIRD = (_F(1 / 3), _F(1 / 3 - float(_F(1 / 3))))
SCALE = (_F(2 / math.log(2)), _F(2 / math.log(2) - float(_F(2 / math.log(2)))))
SERIES = tuple(_F(1 / n) for n in (5, 7, 9, 11, 13))  # of artanh(s) / s in s^2, after 1 + s^2 / 3
LN2 = _F(math.log(2))
LOWEST, HIGHEST = _F(-152.0), _F(130.0)  # 2^x is 0 below and infinite above
EVEN = _F(2.0**24)  # from here on every number is even


def split(a: Factor) -> tuple[Factor, Factor]:
    """Return the upper 12 bits and the rest, element by element."""
    c = a * SPLIT
    high = c - (c - a)
    return high, a - high


def product(a: Floats, b: Factor) -> tuple[Floats, Floats]:
    """Return the rounded product and its error, element by element."""
    value, (a_high, a_low), (b_high, b_low) = a * b, split(a), split(b)
    return value, ((a_high * b_high - value) + (a_high * b_low + a_low * b_high)) + a_low * b_low


def scaled(high: Floats, low: Floats, factor: tuple[Factor, Factor]) -> tuple[Floats, Floats]:
    """Return a pair times a pair, element by element."""
    value, error = product(high, factor[0])
    return value, error + (high * factor[1] + low * factor[0])


def log2(x: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of positive finite numbers as a pair, element by element."""
    small = x < _F(2.0**-126)
    shifted = bits(np.where(small, x * _F(2.0**23), x)) - np.uint32(elementary.SQRT_HALF_BITS) + np.uint32(0x40000000)
    n = ((shifted >> np.uint32(23)).astype(np.int32) - np.where(small, 151, 128)).astype(np.float32)
    m = ((shifted & np.uint32(0x7FFFFF)) + np.uint32(elementary.SQRT_HALF_BITS)).view(np.float32)
    above, below = m - _F(1), m + _F(1)
    s = above / below
    value, error = product(s, below)
    rest = (((above - value) - error) - s * (m - (below - _F(1)))) / below
    square, square_rest = product(s, s)
    square_rest = square_rest + (s + s) * rest
    third, third_rest = scaled(square, square_rest, THIRD)
    tail = (square * square) * elementary.polynomial(SERIES, square)
    series = third + tail
    series_rest = ((third - series) + tail) + third_rest
    one = _F(1) + series
    one_rest = ((_F(1) - one) + series) + series_rest
    high, low = scaled(*scaled(s, rest, (one, one_rest)), SCALE)
    total = n + high
    return total, ((n - total) + high) + low


def _of_positive(x: Floats, y: Floats) -> Floats:
    """Return x^y for positive finite x, element by element."""
    high, low = log2(x)
    exponent, error = product(y, high)
    clamped = np.clip(exponent, LOWEST, HIGHEST)
    whole = (clamped + elementary.ROUND) - elementary.ROUND
    part = (clamped - whole) + np.where(clamped == exponent, error + y * low, _F(0))
    r = part * LN2
    power = _F(1) + (r + (r * r) * elementary.polynomial(elementary.EXP, r))
    biased = (np.nan_to_num(whole) + _F(254)).astype(np.int32)
    half = biased >> 1
    steps = [(exponents << 23).astype(np.uint32).view(np.float32) for exponents in (half, biased - half)]
    return np.asarray(np.where(x == _F(1), _F(1), (power * steps[0]) * steps[1]))


def power(x: Floats, y: Floats) -> Floats:
    """Return x^y, element by element, as C's pow has it."""
    x, y = np.broadcast_arrays(x, y)
    size, exponent = np.abs(x), np.abs(y)
    near = np.where(exponent < EVEN, y, _F(0)).astype(np.int32)
    whole, odd = near.astype(np.float32) == np.where(exponent < EVEN, y, _F(0)), near % 2 != 0
    ends = (size == 0) | (size > _HUGE)
    ordinary = _of_positive(np.where(ends | np.isnan(x), _F(1), size), np.where(np.isnan(y), _F(1), y))
    value = np.where(ends, np.where((size == 0) == (y < 0), _F(np.inf), _F(0)), ordinary)
    value = np.where((x < 0) & ~ends & ~whole, _F(np.nan), np.where(odd, np.copysign(value, x), value))
    value = np.where(np.isnan(x) | np.isnan(y), _F(np.nan), value)
    return np.asarray(np.where((y == 0) | (x == 1), _F(1), value)).astype(np.float32)
