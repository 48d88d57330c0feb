"""The dtypes of a contract: a closed set (FORMAT.md section 3). The C++ twin is the enum DType of cpp/include/ferry/tensor.hpp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from typing_extensions import assert_never

if TYPE_CHECKING:  # numpy takes longer to import than a bundle takes to check
    import numpy as np
    from numpy.typing import NDArray

DTypeName = Literal["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
Family = Literal["bool", "integer", "float"]

DTYPES: tuple[DTypeName, ...] = get_args(DTypeName)


def family(dtype: DTypeName) -> Family:
    """Return the family of a dtype, which decides how values are compared, read and written."""
    match dtype:
        case "bool":
            return "bool"
        case "uint8" | "int8" | "int16" | "int32" | "int64":
            return "integer"
        case "float32" | "float64":
            return "float"
    assert_never(dtype)


def descr(dtype: DTypeName) -> str:
    """Return the name of that dtype in the header of a `.npy` file: little-endian, `|` for single bytes."""
    match dtype:
        case "bool":
            return "|b1"
        case "uint8":
            return "|u1"
        case "int8":
            return "|i1"
        case "int16":
            return "<i2"
        case "int32":
            return "<i4"
        case "int64":
            return "<i8"
        case "float32":
            return "<f4"
        case "float64":
            return "<f8"
    assert_never(dtype)


def size_of(dtype: DTypeName) -> int:
    """Return the bytes of one element."""
    return int(descr(dtype)[2:])


def find_dtype(name: str) -> DTypeName | None:
    """Return the dtype of that name; None where there is none."""
    return next((dtype for dtype in DTYPES if dtype == name), None)


def dtype_of(array: NDArray[np.generic]) -> DTypeName:
    """Return the dtype of an array of any shape. Raises ValueError for one that no contract can name."""
    dtype = find_dtype(array.dtype.name)
    if dtype is None:
        raise ValueError(f"dtype: got {array.dtype.name}, expected one of {', '.join(DTYPES)}")
    return dtype


def holds_floats(array: NDArray[np.generic]) -> bool:
    """Say whether the elements of an array of any shape may be NaN or infinite. Raises ValueError for a dtype that no contract can name."""
    return family(dtype_of(array)) == "float"
