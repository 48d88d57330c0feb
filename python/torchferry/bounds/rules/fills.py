"""Constants in the shape of a value, or in a shape of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, constant, exact
from torchferry.bounds.rules import Rule


def _full(shape: Any, number: float) -> Bounded:
    one = constant(float(number))
    return Bounded(np.full(shape, one.real), np.full(shape, one.error))


RULES: dict[str, Rule] = {
    "zeros_like": lambda x, **_: exact(np.zeros(x.value.shape)),
    "ones_like": lambda x, **_: exact(np.ones(x.value.shape)),
    "full_like": lambda x, number, **_: _full(x.value.shape, number),
    "new_zeros": lambda _, size, **__: exact(np.zeros(size)),
    "new_ones": lambda _, size, **__: exact(np.ones(size)),
    "new_full": lambda _, size, number, **__: _full(size, number),
    "zeros": lambda size, **_: exact(np.zeros(size)),
    "ones": lambda size, **_: exact(np.ones(size)),
    "full": lambda size, number, **_: _full(size, number),
}
