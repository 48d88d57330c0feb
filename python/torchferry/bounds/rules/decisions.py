"""Comparisons, logic and rounding to integers, element by element: sure where no value within the errors decides otherwise.

A truth value that is not sure is off by at most 1: false is 0 and true is 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, bounded, monotone
from torchferry.bounds.rounding import Float64
from torchferry.bounds.rules import Rule
from torchferry.bundle.contract import Array


def _sure(value: Array, is_sure: NDArray[np.bool_]) -> Bounded:
    return Bounded(value, np.where(np.broadcast_to(is_sure, value.shape), 0.0, 1.0))


def _comparison(compare: Callable[[Array, Array], Array]) -> Rule:
    """Bound a comparison of two, broadcast: sure where they are further apart than their errors, or both exact.

    A number of the program is compared as float32 has it, where the other one is a float.
    """

    def rule(a: Any, b: Any) -> Bounded:
        first, second = _as_compared(a, b), _as_compared(b, a)
        with np.errstate(invalid="ignore"):
            apart = np.abs(first.real - second.real) > first.error + second.error
        exact = (first.error == 0) & (second.error == 0)
        return _sure(compare(first.value, second.value), apart | exact)

    return rule


def _as_compared(x: Any, other: Any) -> Bounded:
    if isinstance(x, Bounded):
        return x
    is_float = isinstance(other, Bounded) and other.value.dtype.kind == "f"
    return bounded(float(x)) if is_float else Bounded(np.asarray(x), np.zeros(()))


def _logical(function: Callable[..., Array]) -> Rule:
    """Bound logic of truth values, broadcast: sure where each is."""

    def rule(*given: Bounded) -> Bounded:
        is_sure = np.asarray(True)
        for item in given:
            is_sure = is_sure & (item.error == 0)
        return _sure(function(*(item.value for item in given)), is_sure)

    return rule


def _step(function: Callable[[Any], Float64]) -> Rule:
    """Bound a rising function of steps by its values at both ends of x +- e."""

    def rule(x: Bounded, **given: Any) -> Bounded:
        if given.get("decimals"):
            raise NotCertifiedError("a rounding to decimals has no certified rule")
        if x.value.dtype.kind != "f":
            return Bounded(function(x.value), x.error)
        return monotone(None, function, x)

    return rule


RULES: dict[str, Rule] = {
    "gt": _comparison(np.greater),
    "ge": _comparison(np.greater_equal),
    "lt": _comparison(np.less),
    "le": _comparison(np.less_equal),
    "eq": _comparison(np.equal),
    "ne": _comparison(np.not_equal),
    "logical_not": _logical(np.logical_not),
    "logical_and": _logical(np.logical_and),
    "logical_or": _logical(np.logical_or),
    "logical_xor": _logical(np.logical_xor),
    "floor": _step(np.floor),
    "ceil": _step(np.ceil),
    "trunc": _step(np.trunc),
    "round": _step(np.round),
    "sign": _step(np.sign),
}
