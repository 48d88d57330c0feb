"""How far float32 eager is from the float64 reference."""

from __future__ import annotations

import numpy as np

from torchferry.bounds.rounding import Float64
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays


def difference(a: Array, b: Array) -> Float64:
    """Return |a - b|, element by element of one shape; 0 where both are the same infinity or no number, infinite where only one is."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        off = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    return np.asarray(np.nan_to_num(off, nan=np.inf, posinf=np.inf))


def distances(case: CaseArrays, name: str) -> Float64:
    """Return how far float32 eager is off in an output, element by element."""
    return difference(case.float32[name], case.float64[name])


def distance(case: CaseArrays, name: str) -> float:
    """Return how far float32 eager is off at most in an output."""
    return float(distances(case, name).max(initial=0.0))
