"""Constants in the shape of a value, or in a shape of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, bounded, constant, exact
from torchferry.bounds.rules import Rule


def _full(shape: Any, number: float) -> Bounded:
    one = constant(float(number))
    return Bounded(np.full(shape, one.real), np.full(shape, one.error))


def _filled(x: Bounded, value: Any) -> Bounded:
    """Bound a value of no dims, or one that broadcasts, in the shape of x."""
    one = bounded(value)
    return Bounded(*(np.broadcast_to(part, x.value.shape).copy() for part in (one.real, one.error)))


def _range(*ends: int, **_: Any) -> Bounded:
    if not all(isinstance(end, int) for end in ends):
        raise NotCertifiedError("a range of floats has no certified rule")
    return exact(np.arange(*ends))


RULES: dict[str, Rule] = {
    "zeros_like": lambda x, **_: exact(np.zeros(x.value.shape)),
    "ones_like": lambda x, **_: exact(np.ones(x.value.shape)),
    "full_like": lambda x, number, **_: _full(x.value.shape, number),
    "new_zeros": lambda _, size, **__: exact(np.zeros(size)),
    "new_ones": lambda _, size, **__: exact(np.ones(size)),
    "new_full": lambda _, size, number, **__: _full(size, number),
    "fill": _filled,
    "copy": lambda x, source, *_: _filled(x, source),
    "arange": _range,
    "zeros": lambda size, **_: exact(np.zeros(size)),
    "ones": lambda size, **_: exact(np.ones(size)),
    "full": lambda size, number, **_: _full(size, number),
}
