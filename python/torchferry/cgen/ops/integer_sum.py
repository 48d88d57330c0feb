"""Sums and differences of two values of an int8 graph, in 32 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import frexp

import numpy as np

from torchferry.cgen.ir import Step
from torchferry.cgen.lowering import Operator
from torchferry.cgen.scales import BYTE_MOST, counted_ends
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Value

SHIFT_MOST = 24
MOST = 2**31 - 1


@dataclass(frozen=True, eq=False)
class IntegerSum(Step):
    """y = (a * multipliers[0] + b * multipliers[1] + offset) >> shift of bytes a and b, kept within `limits`.

    No part of the sum leaves 32 bits. `functions` are the clamps that the limits stand for. `ends`: see
    scales.ToBytes.
    """

    a: Value
    b: Value
    multipliers: tuple[int, int]
    offset: int
    shift: int
    limits: tuple[int, int]
    functions: tuple[str, ...]
    output: Value
    label: str
    ends: tuple[int | None, int | None] = (0, BYTE_MOST)

    @classmethod
    def of(
        cls,
        operands: Sequence[Value],
        factors: Sequence[float],
        zeros: Sequence[int],
        zero: int,
        limits: tuple[int, int],
        functions: tuple[str, ...],
        output: Value,
        label: str,
        ends: tuple[int | None, int | None] = (0, BYTE_MOST),
    ) -> IntegerSum:
        """Return round(sum of factors * (operands - zeros)) + zero, in the finest fixed point that 32 bits hold."""
        real = zero - sum(factor * other for factor, other in zip(factors, zeros, strict=True))
        reach = BYTE_MOST * sum(map(abs, factors)) + abs(real) + 1
        shift = max(1, min(SHIFT_MOST, frexp(MOST / (reach + 2))[1] - 1))
        a, b = (round(factor * 2**shift) for factor in factors)
        offset = round(real * 2**shift) + (1 << (shift - 1))
        return cls(operands[0], operands[1], (a, b), offset, shift, limits, functions, output, label, ends)

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.a, self.b)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What it writes."""
        return (self.output,)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes, dtypes and sizes of numbers."""
        if {self.a.dtype, self.b.dtype, self.output.dtype} != {"uint8"}:
            yield f"{self.a.dtype} and {self.b.dtype} to {self.output.dtype}, expected uint8"
        if {self.a.size, self.b.size} != {self.output.size}:
            yield f"{self.a.size} and {self.b.size} elements to {self.output.size}, expected as many"
        if BYTE_MOST * sum(map(abs, self.multipliers)) + abs(self.offset) > MOST:
            yield f"sums of bytes times {self.multipliers} and {self.offset}, expected at most {MOST}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes [N, size] of bytes [N, size]."""
        a, b = (array.astype(np.int64) * factor for array, factor in zip(inputs, self.multipliers, strict=True))
        return (np.clip(np.maximum(a + b + self.offset, 0) >> self.shift, *self.limits).astype(np.uint8),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return ", ".join(("int8 sum", *self.functions))

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("integer_sum")
        a, b, y = (scope.pointer(value) for value in (self.a, self.b, self.output))
        shift = scope.number("shift", "int", self.shift)
        kinds = {"of_a": self.multipliers[0], "of_b": self.multipliers[1], "offset": self.offset}
        factors = [scope.number(kind, "int32_t", value) for kind, value in kinds.items()]
        limits = [scope.number(kind, "int32_t", value) for kind, value in zip(("least", "most"), self.limits, strict=True)]
        numbers = ", ".join((*factors, shift, *limits))
        ends = counted_ends(self.ends, self.shift, scope, bits=32)
        return [f"  {OWN}integer_sum({self.output.size}, {a}, {b}, {numbers}{ends}, {y});"]


OPERATORS: tuple[Operator, ...] = ()
