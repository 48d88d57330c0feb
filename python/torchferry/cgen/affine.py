"""Scales and shifts, which passes move into the weights of the products beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torchferry.cgen.values import Doubles

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Affine:
    """y = scale x + shift, elementwise; each () or [size]."""

    scale: Doubles
    shift: Doubles


IDENTITY = Affine(np.ones(()), np.zeros(()))


def per_column(array: Doubles, rows: int, columns: int) -> Doubles | None:
    """Return one number per column [columns] of an array () or [rows * columns]; None where two rows differ."""
    if array.ndim == 0:
        return np.full(columns, float(array))
    table = array.reshape(rows, columns)
    return table[0] if bool((table == table[0]).all()) else None


def fits_float32(*arrays: Doubles) -> bool:
    """Tell whether float32 holds all of these, of any shape, without overflow or loss to subnormals."""
    sizes = [np.abs(array[array != 0]) for array in arrays]
    return all(
        bool(np.isfinite(size).all()) and bool((size >= SMALLEST_NORMAL).all() and (size <= LARGEST).all()) for size in sizes
    )
