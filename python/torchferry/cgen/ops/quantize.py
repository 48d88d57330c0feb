"""Bytes from floats, where an int8 graph needs some: made by the pass to int8, not by an ATen operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen import elementary
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.lowering import Operator
from torchferry.cgen.scales import BYTE_MOST, INT16_LEAST, INT16_MOST
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Floats, Integers, Value


@dataclass(frozen=True, eq=False)
class Quantize(OneToOne):
    """float32 -> bytes, or int16: round(x * inverse) + zero, kept within 0..255, or -32768..32767; a NaN counts as 0."""

    x: Value
    inverse: float
    zero: int
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if self.x.dtype != "float32" or self.output.dtype not in ("uint8", "int16"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to uint8 or int16"
        if self.x.size != self.output.size:
            yield f"{self.x.size} elements to {self.output.size}, expected as many"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes or int16 [N, size] of floats [N, size]."""
        return (self._nearest(inputs[0], self.inverse, self.zero),)

    @property
    def _is_wide(self) -> bool:
        return self.output.dtype == "int16"

    @property
    def _nearest(self) -> Callable[[Floats, float, int], Array]:
        return nearest_int16 if self._is_wide else nearest_bytes

    def describe(self) -> str:
        """Name it for the list of layers."""
        return "float to int16" if self._is_wide else "float to bytes"

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what becomes of NaN, and the range beyond which an input saturates."""
        yield f"Where a float becomes {'an int16' if self._is_wide else 'a byte'}, NaN counts as 0."
        if self.x in caller:
            ends = (INT16_LEAST, INT16_MOST) if self._is_wide else (0, BYTE_MOST)
            low, high = ((code - self.zero) / self.inverse for code in ends)
            yield f"  {self.x.name}: {low:.6g} to {high:.6g}"

    def emit(self, scope: Scope) -> list[str]:
        """Return a loop over the elements."""
        scope.use("quantize_int16" if self._is_wide else "quantize")
        number, kind = f"{scope.pointer(self.x)}[j]", "_int16" if self._is_wide else ""
        call = nearest_byte(scope, number, self.inverse, self.zero, kernel=kind)
        return [f"  for (size_t j = 0; j < {self.x.size}; ++j) {{", f"    {scope.pointer(self.output)}[j] = {call};", "  }"]


def nearest_bytes(x: Floats, inverse: float, zero: int) -> Array:
    """Return the bytes of floats of any shape, as kernels/quantize.c computes them."""
    return _nearest(x, inverse, zero, 0, BYTE_MOST).astype(np.uint8)


def nearest_int16(x: Floats, inverse: float, zero: int) -> Array:
    """Return the int16 of floats of any shape, as kernels/quantize_int16.c computes them."""
    return _nearest(x, inverse, zero, INT16_LEAST, INT16_MOST).astype(np.int16)


def _nearest(x: Floats, inverse: float, zero: int, least: int, most: int) -> Integers:
    scaled = np.where(np.isnan(x), np.float32(0), x) * np.float32(inverse)
    clamped = np.clip(scaled, np.float32(least - zero), np.float32(most - zero))
    rounded = (clamped + elementary.ROUND) - elementary.ROUND
    made: Integers = rounded.astype(np.int64) + zero
    return made


def nearest_byte(scope: Scope, x: str, inverse: float, zero: int, *, kernel: str = "", of: str = "") -> str:
    """Return the C expression of the byte of the float `x`, with kernels/quantize.c or quantize`kernel`.c. `of`: begins the numbers' kinds."""
    numbers = scope.number(f"{of}inverse", "float", inverse), scope.number(f"{of}zero", "int", zero)
    return f"{OWN}quantize{kernel}({x}, {', '.join(numbers)})"


OPERATORS: tuple[Operator, ...] = ()
