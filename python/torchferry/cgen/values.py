"""What nodes read and write: values and constants. A value's elements lie in row-major order, whatever shape reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Shape = tuple[int, ...]

DType = Literal["float32", "int64", "int32", "int16", "int8", "uint8", "bool"]
DTYPES: tuple[DType, ...] = ("float32", "uint8", "int8", "int16", "int32", "int64", "bool")


def dtype_of(name: str) -> DType | None:
    """Return the dtype of that name; None where the generator has no such dtype."""
    return next((dtype for dtype in DTYPES if dtype == name), None)


@dataclass(frozen=True, eq=False)
class Value:
    """An array [*shape] per sample that a node or the caller gives; compared by identity."""

    name: str
    shape: tuple[int, ...]
    dtype: DType

    @property
    def size(self) -> int:
        """Elements per sample."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Constant:
    """A scalar (shape ()) or one number per element of a sample (shape [size]), in float64 until it is printed."""

    array: Doubles


Operand = Value | Constant
