"""Arithmetic of integers, which wraps as in two's complement: in C it is that of unsigned numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from torchferry.cgen.ir import Elementwise
from torchferry.cgen.target import c_type
from torchferry.cgen.values import DType

INTEGERS: tuple[DType, ...] = ("uint8", "int8", "int16", "int32", "int64")
Wrapping = Callable[[DType], Elementwise]


def wrapping(name: str, c: str, numpy: Callable[..., Any], *uses: str) -> Wrapping:
    """Return, for each dtype of integers, the function whose result `c` gives modulo the numbers of that dtype."""

    def of(dtype: DType) -> Elementwise:
        return Elementwise(name, f"({c_type(dtype)})({c})", lambda *x: np.asarray(numpy(*x)).astype(dtype), uses, dtype=dtype)

    return of


ADD = wrapping("add", "(uint64_t){0} + (uint64_t){1}", np.add)
SUB = wrapping("sub", "(uint64_t){0} - (uint64_t){1}", np.subtract)
MUL = wrapping("mul", "(uint64_t){0} * (uint64_t){1}", np.multiply)
NEG = wrapping("neg", "0u - (uint64_t){0}", lambda x: np.subtract(np.zeros_like(x), x))
ABS = wrapping(
    "abs", "{0} > 0 ? (uint64_t){0} : 0u - (uint64_t){0}", lambda x: np.where(x > 0, x, np.subtract(np.zeros_like(x), x))
)
SIGN = wrapping("sign", "{0} > 0 ? 1 : -({0} != 0)", lambda x: (x > 0).astype(np.int64) - (x < 0))
RELU = wrapping("relu", "{0} > 0 ? {0} : 0", lambda x: np.where(x > 0, x, np.zeros_like(x)))
SAME = wrapping("same", "{0}", lambda x: x)
MAXIMUM = wrapping("maximum", "{0} > {1} ? {0} : {1}", np.maximum)
MINIMUM = wrapping("minimum", "{0} < {1} ? {0} : {1}", np.minimum)
WHERE = wrapping("where", "{0} ? {1} : {2}", np.where)
AND = wrapping("and", "{0} & {1}", np.bitwise_and)
OR = wrapping("or", "{0} | {1}", np.bitwise_or)
XOR = wrapping("xor", "{0} ^ {1}", np.bitwise_xor)
NOT = wrapping("not", "~{0}", np.invert)
