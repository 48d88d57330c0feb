"""Sums and means over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, constant, divide, linear
from torchferry.bounds.rules import Rule


def sum_over(x: Bounded, dim: Any = None, keepdim: bool = False, **_: Any) -> Bounded:
    """Bound a sum over axes of any shape, over all where `dim` names none."""
    axes = (
        tuple(range(x.value.ndim)) if not isinstance(dim, int) and not dim else tuple(np.atleast_1d(dim) % max(x.value.ndim, 1))
    )
    count = int(np.prod([x.value.shape[axis] for axis in axes]))
    kept = [1 if axis in axes else size for axis, size in enumerate(x.value.shape)]
    rows = [np.moveaxis(array, axes, range(-len(axes), 0)).reshape(-1, count) for array in (x.real, x.error)]
    total = linear(Bounded(rows[0], rows[1]), np.ones((1, count)), None)
    shape = kept if keepdim else [size for axis, size in enumerate(kept) if axis not in axes]
    return Bounded(total.value.reshape(shape), total.error.reshape(shape))


def _mean(x: Bounded, dim: Any = None, keepdim: bool = False, **_: Any) -> Bounded:
    total = sum_over(x, dim, keepdim)
    return divide(total, constant(x.value.size / max(total.value.size, 1)))


RULES: dict[str, Rule] = {"sum": sum_over, "mean": _mean}
