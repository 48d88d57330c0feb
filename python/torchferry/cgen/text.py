"""C text: the model's own prefix, and numbers."""

from __future__ import annotations

import numpy as np
from typing_extensions import assert_never

from torchferry.cgen.values import DType

# What stands for the model's own prefix in printed text until `named` puts it in: nothing that the user wrote can contain it.
OWN = "§"


def own(text: str) -> str:
    """Return text of ours, in which `model_` and `MODEL_` mean the prefix, with the sign for it."""
    return text.replace("MODEL_", OWN + OWN).replace("model_", OWN)


def named(text: str, prefix: str) -> str:
    """Return the text with the model's prefix in place of each mark OWN."""
    return text.replace(OWN + OWN, f"{prefix.upper()}_").replace(OWN, f"{prefix}_")


def hex_float(value: float) -> str:
    """Write a float32 exactly: `0x1.8p-1f`; a negative one in parentheses, so that it can follow any operator."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value} has no literal")
    mantissa, _, exponent = float(value).hex().partition("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    text = f"{mantissa}p{exponent}f"
    return f"({text})" if text.startswith("-") else text


def decimal_float(value: float) -> str:
    """Write a float32 for headers, which C++ older than 17 reads: nine digits, `0.333333343f`, that round to the same bits."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


LEAST, MOST = -(2**63), 2**63 - 1
INFINITE = {np.inf: f"{OWN}from_bits(0x7f800000u)", -np.inf: f"{OWN}from_bits(0xff800000u)"}  # kernel from_bits


def constant(value: float, ctype: str) -> str:
    """Write one number as a constant expression of a C type: float, or a type of integers."""
    if ctype == "float":
        return hex_float(float(np.float32(value)))
    if ctype == "int64_t":
        ends = {LEAST: "INT64_MIN", MOST: "INT64_MAX"}
        return ends.get(int(value)) or f"INT64_C({int(value)})"
    return str(int(value))


def literal(value: float, dtype: DType) -> str:
    """Write one number of a dtype as a C expression: a constant one but for infinity, of which C99 has no literal."""
    match dtype:
        case "float32":
            return INFINITE.get(value) or hex_float(float(np.float32(value)))
        case "int64" | "int32" | "int16" | "int8" | "uint8" | "bool":
            whole = int(value)
            return str(whole) if whole != LEAST else f"({LEAST + 1} - 1)"  # C has no literal for it, only minus a larger one
        case _:
            assert_never(dtype)
