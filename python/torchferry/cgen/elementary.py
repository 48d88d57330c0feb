"""exp, tanh, erf and log in float32, written in C99 and, with the same rounding steps, in NumPy.

Each is a minimax polynomial (Lawson's algorithm on Chebyshev nodes; Muller, Elementary Functions, chapter 3) after the usual
argument reduction. No fused multiply-add, no table, no libm: every step is one IEEE 754 operation, so every processor
gives the same bits. The bounds in `ULP_BOUND` are against the exact value rounded to float32, over every float32 argument;
the slow test goes through all of them. Units in the last place are those of the float32 nearest to the exact value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ULP_BOUND = {"exp": 2, "expm1": 2, "tanh": 2, "erf": 2, "sigmoid": 3, "log": 2}

_F = np.float32
LOG2_E = _F(1.44269504)
LN2_HIGH = _F(0.693145751953125)  # 16 bits, so that n * LN2_HIGH is exact for |n| < 256
LN2_LOW = _F(1.42860677e-6)
ROUND = _F(12582912.0)  # 1.5 * 2^23: x + ROUND - ROUND is x rounded to an integer
EXP_MIN, EXP_MAX = _F(-104.0), _F(89.0)  # exp is 0 below and infinite above
# (exp(r) - 1 - r) / r^2 on |r| <= 0.347, error 2^-28.3 of exp(r)
EXP = tuple(map(_F, (0.4999999403953552, 0.1666651964187622, 0.041668396443128586, 0.008368796668946743, 0.0013814433477818966)))
# (tanh(x) / x - 1) / x^2 in x^2 on |x| <= 0.625, error 2^-27.8 of tanh(x)
TANH_SMALL = _F(0.625)
TANH = tuple(map(_F, (-0.3333328068256378, 0.13331441581249237, -0.05373971536755562, 0.0206390880048275, -0.005704987328499556)))
# erf(x) / x - 1 in x^2 on |x| <= 0.93, error 2^-25.8 of erf(x)
ERF_SMALL = _F(0.921875)
ERF = tuple(
    map(
        _F,
        (
            0.12837915122509003,
            -0.3761247992515564,
            0.11281682550907135,
            -0.026761721819639206,
            0.004985943902283907,
            -0.0005953754880465567,
        ),
    )
)
# log(1 - erf(x)) on 0.9 <= x <= 4, error 2^-34 of erf(x)
ERF_MAX = _F(3.9375)  # erf is 1 above
ERFC_LOG = tuple(
    map(
        _F,
        (
            0.00016920382040552795,
            -1.1294883489608765,
            -0.6334008574485779,
            -0.10822036862373352,
            0.02508060447871685,
            -0.004156250040978193,
            0.00043139251647517085,
            -2.0828520064242184e-05,
        ),
    )
)
# (log(1 + f) - f + f^2 / 2) / f^3 on sqrt(1/2) <= 1 + f <= sqrt(2), error 2^-30.3 of log(1 + f)
LOG = tuple(
    map(
        _F,
        (
            0.3333331346511841,
            -0.25000008940696716,
            0.2000211924314499,
            -0.1666799634695053,
            0.14219552278518677,
            -0.1240558922290802,
            0.11888162046670914,
            -0.11675652116537094,
            0.06746640801429749,
        ),
    )
)
SQRT_HALF_BITS = 0x3F3504F3


def bits(x: Floats) -> NDArray[np.uint32]:
    """Return the bit patterns, element by element."""
    return np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)


def _from_bits(u: NDArray[np.uint32]) -> Floats:
    return u.astype(np.uint32).view(np.float32)


def polynomial(coefficients: tuple[np.float32, ...], x: Floats) -> Floats:
    """Return c[0] + x (c[1] + x (c[2] + ...)), by Horner."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def _reduce(x: Floats) -> tuple[Floats, NDArray[np.uint32]]:
    """x = n ln 2 + r: gives exp(r) - 1 and n + 254. The low part of r is added late, where it costs no accuracy."""
    z = x * LOG2_E + ROUND
    n = z - ROUND
    high = x - n * LN2_HIGH
    low = n * LN2_LOW
    r = high - low
    return high + ((r * r) * polynomial(EXP, r) - low), bits(z) - np.uint32(0x4B400000 - 254)


def _power(biased: NDArray[np.uint32]) -> Floats:
    return _from_bits(biased << np.uint32(23))


def exp(x: Floats) -> Floats:
    """Return e^x, element by element, with gradual underflow."""
    t = np.where(x < EXP_MIN, EXP_MIN, x)
    t = np.where(t > EXP_MAX, EXP_MAX, t)
    p, m = _reduce(t)
    half = m >> np.uint32(1)
    return ((p + _F(1)) * _power(half)) * _power(m - half)


def expm1(x: Floats) -> Floats:
    """Return e^x - 1, element by element, for x <= 0 (what ELU needs)."""
    t = np.where(x < _F(-18), _F(-18), x)
    p, m = _reduce(t)
    scale = _power(m - np.uint32(127))
    return scale * p + (scale - _F(1))


def tanh(x: Floats) -> Floats:
    """Return the hyperbolic tangent, element by element."""
    a = np.abs(x)
    z = x * x
    small = x + (x * z) * polynomial(TANH, z)
    large = _F(1) - _F(2) / (exp(a + a) + _F(1))
    return np.where(a < TANH_SMALL, small, np.copysign(large, x))


def erf(x: Floats) -> Floats:
    """Return the error function, element by element."""
    a = np.abs(x)
    z = x * x
    small = x + x * polynomial(ERF, z)
    t = np.where(a > ERF_MAX, ERF_MAX, a)
    large = _F(1) - exp(polynomial(ERFC_LOG, t))
    return np.where(a < ERF_SMALL, small, np.copysign(large, x))


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x), element by element."""
    e = exp(-np.abs(x))
    value: Floats = np.where(x < _F(0), e, _F(1)) / (_F(1) + e)
    return value


def log_of_parts(shifted: NDArray[np.uint32], n: Floats) -> Floats:
    """Return log(m 2^n), element by element: the low 23 bits of `shifted` are those of m less those of sqrt(1/2)."""
    f = _from_bits((shifted & np.uint32(0x7FFFFF)) + np.uint32(SQRT_HALF_BITS)) - _F(1)
    z = f * f
    tail = (f * z) * polynomial(LOG, f) + n * LN2_LOW
    value: Floats = ((tail - _F(0.5) * z) + f) + n * LN2_HIGH
    return value


def log(x: Floats) -> Floats:
    """Return the natural logarithm, element by element, of normal numbers >= 1 or infinity (a softmax's sum)."""
    shifted = bits(x) - np.uint32(SQRT_HALF_BITS)
    n = (shifted >> np.uint32(23)).astype(np.float32)
    value = log_of_parts(shifted, n)
    return np.where(x > np.finfo(np.float32).max, x, np.where(x == x, value, x))
