"""The dtypes of a contract: a closed set (FORMAT.md section 3). The C++ twin is the enum DType of cpp/include/ferry/tensor.hpp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from typing_extensions import assert_never

from torchferry.extras import named_extras

if TYPE_CHECKING:  # numpy takes longer to import than a bundle takes to check
    import numpy as np
    from numpy.typing import NDArray

DTypeName = Literal["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64", "float16", "bfloat16"]
Family = Literal["bool", "integer", "float"]

DTYPES: tuple[DTypeName, ...] = get_args(DTypeName)


def family(dtype: DTypeName) -> Family:
    """Return the family of a dtype, which decides how values are compared, read and written."""
    match dtype:
        case "bool":
            return "bool"
        case "uint8" | "int8" | "int16" | "int32" | "int64":
            return "integer"
        case "float32" | "float64" | "float16" | "bfloat16":
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
        case "float16":
            return "<f2"
        case "bfloat16":
            return "<V2"  # as NumPy writes the type of ml_dtypes
    assert_never(dtype)


def size_of(dtype: DTypeName) -> int:
    """Return the bytes of one element."""
    return int(descr(dtype)[2:])


def numpy_dtype(dtype: DTypeName) -> np.dtype[np.generic]:
    """Return NumPy's dtype of that name; bfloat16 is the one of ml_dtypes. Raises FerryError(UNAVAILABLE) where that is not here."""
    import numpy as np

    if dtype == "bfloat16":
        with named_extras("dtype bfloat16: "):
            import ml_dtypes
        found: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
        return found
    return np.dtype(dtype)


def first_infinite(dtype: DTypeName) -> float:
    """Return the smallest float64 that becomes infinite in a dtype of floats, to the nearest; infinite where there is none."""
    match dtype:
        case "float32":
            return 2.0**128 - 2.0**103
        case "float16":
            return 2.0**16 - 2.0**4
        case "bfloat16":
            return 2.0**128 - 2.0**119
        case "bool" | "uint8" | "int8" | "int16" | "int32" | "int64" | "float64":
            return float("inf")
    assert_never(dtype)


def rounded(values: NDArray[np.float64], dtype: DTypeName) -> NDArray[np.generic]:
    """Return float64 of any shape in a dtype of floats, rounded once, to the nearest; too large is infinite.

    ml_dtypes rounds to float32 on its way to bfloat16. What that loses is kept in the last bit (rounding to odd), so that the
    second rounding sees it: float32 has more than two digits more than bfloat16. Raises FerryError(UNAVAILABLE) as numpy_dtype.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        if dtype != "bfloat16":
            return values.astype(numpy_dtype(dtype))
        near = np.asarray(values.astype(np.float32))
        bits = near.view(np.uint32)
        beyond = np.abs(near.astype(np.float64)) > np.abs(values)
        odd = np.where(near.astype(np.float64) == values, bits, (bits - beyond) | 1)
        exact = np.where(np.isnan(values), near, odd.astype(np.uint32).view(np.float32))
        return np.asarray(exact, np.float32).astype(numpy_dtype(dtype))


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
