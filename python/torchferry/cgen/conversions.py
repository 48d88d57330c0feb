"""Conversions between dtypes, one elementwise function each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

from torchferry.cgen.ir import Elementwise
from torchferry.cgen.target import c_type
from torchferry.cgen.values import DType

END = 2.0**63  # the first float32 above what int64 holds


def to_int64(x: NDArray[Any]) -> NDArray[np.int64]:
    """Return float32 numbers of any shape without their fractions: NaN gives 0, what int64 cannot hold the nearest number that it can."""
    inside = np.where((x > -END) & (x < END), x, np.float32(0)).astype(np.int64)
    ends = np.where(x >= END, np.iinfo(np.int64).max, np.where(x <= -END, np.iinfo(np.int64).min, inside))
    return np.asarray(ends, np.int64)


TO_FLOAT = Elementwise("float", "(float){0}", lambda x: x.astype(np.float32), dtype="float32", widens=True)
TO_BOOL = Elementwise("bool", "({0} != 0)", lambda x: x != 0, dtype="bool")
TO_INT64 = Elementwise("int64", "(int64_t){0}", lambda x: x.astype(np.int64), dtype="int64", widens=True)


def conversion(source: DType, dtype: DType) -> Elementwise:
    """Return the function from numbers of `source` to `dtype`; integers keep the lowest bits that fit, as in two's complement."""
    match dtype:
        case "float32":
            return TO_FLOAT
        case "bool":
            return TO_BOOL
        case "int64" if source != "float32":
            return TO_INT64
        case "int64" | "int32" | "int16" | "int8" | "uint8":
            return _to_integers(source, dtype)
        case _:
            assert_never(dtype)


def _to_integers(source: DType, dtype: DType) -> Elementwise:
    if source == "float32":
        cast = "" if dtype == "int64" else f"({c_type(dtype)})"
        return Elementwise(dtype, f"{cast}model_to_int64({{0}})", lambda x: to_int64(x).astype(dtype), ("to_int64",), dtype=dtype)
    return Elementwise(dtype, f"({c_type(dtype)}){{0}}", lambda x: x.astype(dtype), dtype=dtype)
