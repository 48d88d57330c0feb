"""The names that the Open Inference Protocol has for the dtypes of a contract."""

from __future__ import annotations

from typing_extensions import assert_never

from torchferry.bundle.dtype import DTypeName


def datatype_of(dtype: DTypeName) -> str:
    """Return the protocol's name of a dtype, as `FP32` of float32."""
    match dtype:
        case "bool":
            return "BOOL"
        case "uint8" | "int8" | "int16" | "int32" | "int64":
            return dtype.upper()
        case "float32":
            return "FP32"
        case "float64":
            return "FP64"
        case "float16":
            return "FP16"
        case "bfloat16":
            return "BF16"
    assert_never(dtype)
