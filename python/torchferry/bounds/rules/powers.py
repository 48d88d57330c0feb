"""Powers, roots, logarithms, sine and cosine, remainders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, bounded, constant, convert, divide, lipschitz, multiply
from torchferry.bounds.rounding import FUNCTIONS, SMALLEST, UNIT, Float64, gamma
from torchferry.bounds.rules import Rule


def _positive(name: str, function: Callable[[Float64], Float64], x: Bounded, least: float) -> Bounded:
    """Bound a rising function of numbers from `least` on; where x may be below, it has no bound."""
    low = x.real - x.error
    with np.errstate(all="ignore"):
        value, below, above = function(x.real), function(np.maximum(low, least)), function(x.real + x.error)
        error = np.maximum(above - value, value - below) + FUNCTIONS[name].bound(x.size, np.maximum(np.abs(below), np.abs(above)))
    return Bounded(value, np.where((low < least) | ((low == 0) & (name != "sqrt")), np.inf, error))


def root(x: Bounded) -> Bounded:
    """Bound the square root of any shape, element by element."""
    least_is_zero = Bounded(x.real, np.minimum(x.error, np.maximum(x.real, 0.0)))  # sums of squares are not below 0
    made = _positive("sqrt", np.sqrt, least_is_zero, 0.0)
    above = np.sqrt(np.maximum(x.real, 0.0) + x.error) - made.value
    return Bounded(
        made.value, np.where(x.real < 0, np.inf, np.maximum(made.error, above + FUNCTIONS["sqrt"].bound(x.size, np.sqrt(x.size))))
    )


def _sqrt(x: Bounded) -> Bounded:
    return _positive("sqrt", np.sqrt, x, 0.0)


def _rsqrt(x: Bounded) -> Bounded:
    made = divide(constant(1.0), _sqrt(x))
    return Bounded(made.value, made.error + FUNCTIONS["rsqrt"].bound(x.size, np.abs(made.value) + made.error))


def _power(x: Any, y: Any) -> Bounded:
    """Bound x^y: of a constant whole y as products in any order, else of positive x at the corners of both errors."""
    base, exponent = convert(bounded(x)), bounded(y)
    number = float(exponent.real) if exponent.value.ndim == 0 and not exponent.error.any() else None
    if number is not None and number % 1 == 0 and 1 <= number <= 64:
        largest = base.size**number
        carried = largest - np.abs(base.real) ** number
        relative = FUNCTIONS["pow"].relative * UNIT + gamma(int(number))
        return Bounded(base.real**number, carried + relative * largest + number * SMALLEST * (1 + largest))
    return _corners(base, exponent)


def _corners(base: Bounded, exponent: Bounded) -> Bounded:
    low = base.real - base.error
    with np.errstate(all="ignore"):
        value = base.real**exponent.real
        corners = [(base.real + a * base.error) ** (exponent.real + b * exponent.error) for a in (-1, 1) for b in (-1, 1)]
        off = np.maximum.reduce([np.abs(corner - value) for corner in corners])
        largest = np.maximum.reduce([np.abs(corner) for corner in corners])
        # x^y as e^(y log x): the exponent is rounded in its own size
        relative = UNIT * (FUNCTIONS["pow"].relative + 2 * np.abs(exponent.real * np.log(np.maximum(base.real, SMALLEST))))
        error = off + relative * largest + SMALLEST
    return Bounded(value, np.where(low > 0, np.nan_to_num(error, nan=np.inf), np.inf))


def _remainder(function: Callable[[Float64, Float64], Float64]) -> Rule:
    """Bound a remainder of exact numbers, which is rounded once where it moves by the divisor; of others it may jump."""

    def rule(a: Any, b: Any) -> Bounded:
        x, y = bounded(a), bounded(b)
        certain = (x.error == 0) & (y.error == 0) & (y.real != 0)
        with np.errstate(all="ignore"):
            value = function(x.real, y.real)
        return Bounded(value, np.where(certain, UNIT * np.abs(y.real) + SMALLEST, np.inf))

    return rule


RULES: dict[str, Rule] = {
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "log": lambda x: _positive("log", np.log, x, 0.0),
    "sin": lambda x: lipschitz("sin", 1.0, np.sin, x),
    "cos": lambda x: lipschitz("cos", 1.0, np.cos, x),
    "square": lambda x: multiply(x, x),
    "abs": lambda x: Bounded(np.abs(x.real), x.error),
    "reciprocal": lambda x: divide(constant(1.0), x),
    "pow": _power,
    "remainder": _remainder(np.remainder),
    "fmod": _remainder(np.fmod),
}
