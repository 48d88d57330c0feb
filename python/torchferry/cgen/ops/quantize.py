"""Bytes from floats, where an int8 graph needs some: made by the pass to int8, not by an ATen operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen import elementary
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.lowering import Operator
from torchferry.cgen.scales import BYTE_MOST
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN, hex_float
from torchferry.cgen.values import Array, Floats, Value


@dataclass(frozen=True, eq=False)
class Quantize(OneToOne):
    """float32 -> bytes: round(x * inverse) + zero, kept within 0..255; a NaN counts as 0."""

    x: Value
    inverse: float
    zero: int
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "uint8"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to uint8"
        if self.x.size != self.output.size:
            yield f"{self.x.size} elements to {self.output.size}, expected as many"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes [N, size] of floats [N, size]."""
        return (nearest_bytes(inputs[0], self.inverse, self.zero),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return "float to bytes"

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what becomes of NaN, and the range beyond which an input saturates."""
        yield "Where a float becomes a byte, NaN counts as 0."
        if self.x in caller:
            low, high = (code / self.inverse for code in (-self.zero, BYTE_MOST - self.zero))
            yield f"  {self.x.name}: {low:.6g} to {high:.6g}"

    def emit(self, scope: Scope) -> list[str]:
        """Return a loop over the elements."""
        scope.use("quantize")
        call = nearest_byte(f"{scope.pointer(self.x)}[j]", self.inverse, self.zero)
        return [f"  for (size_t j = 0; j < {self.x.size}; ++j) {{", f"    {scope.pointer(self.output)}[j] = {call};", "  }"]


def nearest_bytes(x: Floats, inverse: float, zero: int) -> Array:
    """Return the bytes of floats of any shape, as kernels/quantize.c computes them."""
    scaled = np.where(np.isnan(x), np.float32(0), x) * np.float32(inverse)
    clamped = np.clip(scaled, np.float32(-zero), np.float32(BYTE_MOST - zero))
    rounded = (clamped + elementary.ROUND) - elementary.ROUND
    return (rounded.astype(np.int64) + zero).astype(np.uint8)


def nearest_byte(x: str, inverse: float, zero: int) -> str:
    """Return the C expression of the byte of the float `x`, with kernels/quantize.c."""
    return f"{OWN}quantize({x}, {hex_float(float(np.float32(inverse)))}, {zero})"


OPERATORS: tuple[Operator, ...] = ()
