"""Rounding to a grid, as training for int8 does it: found by a pass, and in an int8 graph what the bytes mean."""

from __future__ import annotations

import numpy as np

from torchferry.cgen import elementary
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Operator
from torchferry.cgen.scales import BYTE_MOST, Bytes
from torchferry.cgen.values import Array, Constant

MOST_STEPS = 1 << 16  # float32 rounds fewer by adding and subtracting a large number


def _rounded(x: Array, inverse: Array, low: Array, high: Array, scale: Array) -> Array:
    scaled = np.where(np.isnan(x), np.float32(0), x) * inverse
    clamped = np.where(scaled < low, low, np.where(scaled > high, high, scaled))
    return np.asarray(((clamped + elementary.ROUND) - elementary.ROUND) * scale)


def _grid(inverse: Constant, low: Constant, high: Constant, scale: Constant) -> Bytes | None:
    """Return the bytes that stand for the grid; None where it has more numbers than a byte."""
    del inverse
    least, most = int(low.array), int(high.array)
    return Bytes(float(scale.array), -least, most - least) if most - least <= BYTE_MOST else None


FAKE_QUANTIZE = Elementwise(
    "to a grid", "model_fake_quantize({0}, {1}, {2}, {3}, {4})", _rounded, ("fake_quantize",), makes_zeros=True, grid=_grid
)


OPERATORS: tuple[Operator, ...] = ()
