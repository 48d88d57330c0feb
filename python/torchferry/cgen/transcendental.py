"""Logarithms of any number, sine and cosine in float32, with the rounding steps of the C. See `elementary` for how they are made.

The polynomials of sine and cosine are their Taylor series, whose first term left out is below 2^-28 on |r| <= pi / 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen import elementary
from torchferry.cgen.elementary import Floats, bits

ULP_BOUND = {"ln": 2, "log1p": 3, "sin": 3, "cos": 3}

_F = np.float32
_TINY, _HUGE = _F(2.0**-126), np.finfo(np.float32).max
TWO_OVER_PI = np.array(
    [0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561], np.uint64
)
HALF_PI = _F(float.fromhex("0x1.921fb6p-62"))  # pi / 2 in units of 2^-62
QUARTER_PI = _F(float.fromhex("0x1.921fb6p-1"))
SIN = tuple(_F(1.0 / n) for n in (-6, 120, -5040, 362880))
COS = tuple(_F(1.0 / n) for n in (24, -720, 40320, -3628800))


def ln(x: Floats) -> Floats:
    """Return the natural logarithm of any number, element by element."""
    small = x < _TINY
    shifted = bits(np.where(small, x * _F(2.0**23), x)) - np.uint32(elementary.SQRT_HALF_BITS) + np.uint32(0x40000000)
    n = ((shifted >> np.uint32(23)).astype(np.int32) - np.where(small, 151, 128)).astype(np.float32)
    value = elementary.log_of_parts(shifted, n)
    ordinary = (x > _F(0)) & (x <= _HUGE)
    return np.where(ordinary, value, np.where(x == 0, _F(-np.inf), np.where(x < 0, _F(np.nan), x))).astype(np.float32)


def log1p(x: Floats) -> Floats:
    """Return log(1 + x), element by element."""
    total = _F(1) + x
    rounded = total - _F(1)
    value: Floats = np.where((rounded == 0) | (total > _HUGE), x, ln(total) * (x / rounded))
    return value


def _quarter(x: Floats) -> tuple[Floats, NDArray[np.uint64]]:
    """|x| = n pi / 2 + r for |x| >= 2^-2: gives r and n mod 4."""
    pattern = (bits(x) & np.uint32(0x7FFFFFFF)).astype(np.uint64)
    at = np.minimum((pattern >> np.uint64(23)) - np.uint64(120), np.uint64(134))
    mantissa = (pattern & np.uint64(0x7FFFFF)) | np.uint64(0x800000)
    shift = at % np.uint64(32)
    words = []
    for k in range(3):
        place = at // np.uint64(32) + np.uint64(k)
        two = (TWO_OVER_PI[place] << np.uint64(32)) | TWO_OVER_PI[place + np.uint64(1)]
        words.append((two << shift) >> np.uint64(32))
    turns = ((mantissa * words[0]) << np.uint64(32)) + mantissa * words[1] + ((mantissa * words[2]) >> np.uint64(32))
    quadrant = (turns + np.uint64(1 << 61)) >> np.uint64(62)
    rest = (turns - (quadrant << np.uint64(62))).view(np.int64)
    return rest.astype(np.float32) * HALF_PI, quadrant & np.uint64(3)


def _sin_turned(x: Floats, turn: int) -> Floats:
    """Return sin(x + turn pi / 2)."""
    large = np.abs(x) > QUARTER_PI
    r, n = _quarter(np.ascontiguousarray(np.where(large & (np.abs(x) <= _HUGE), x, _F(1))))
    negative = x < 0
    r = np.where(large, np.where(negative, -r, r), x)
    quadrant = np.where(large, np.where(negative, -n.astype(np.int64), n.astype(np.int64)), 0) + turn
    z = r * r
    sine = r + (r * z) * elementary.polynomial(SIN, z)
    cosine = (_F(1) - _F(0.5) * z) + (z * z) * elementary.polynomial(COS, z)
    value = np.where(quadrant % 2 == 0, sine, cosine)
    turned = np.where(quadrant % 4 < 2, value, -value)
    return np.where(np.abs(x) <= _HUGE, turned, x - x).astype(np.float32)


def sin(x: Floats) -> Floats:
    """Return the sine, element by element, of any finite number."""
    return _sin_turned(x, 0)


def cos(x: Floats) -> Floats:
    """Return the cosine, element by element, of any finite number."""
    return _sin_turned(x, 1)
