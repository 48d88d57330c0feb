"""Sums over one dim of an int8 graph, exact in 32 bits: those that means begin with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen.ir import OneToOne
from torchferry.cgen.lowering import Operator
from torchferry.cgen.scales import (
    BYTE_MOST,
    Finish,
    describe_finish,
    finish_expression,
    finish_sums,
    finish_tables,
    finished_dtype,
)
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Integers, Value


@dataclass(frozen=True, eq=False)
class IntegerReduce(OneToOne):
    """sums[outer, inner] = bias[inner] + sum of x[outer, :, inner]; `finish` turns them into the output."""

    x: Value
    count: int
    bias: Integers
    finish: Finish
    output: Value
    label: str

    @property
    def inner(self) -> int:
        """Neighbours that are summed beside each other."""
        return len(self.bias)

    @property
    def outer(self) -> int:
        """How often the whole repeats."""
        return self.x.size // (self.count * self.inner)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        expected = finished_dtype(self.finish)
        if (self.x.dtype, self.output.dtype) != ("uint8", expected):
            yield f"{self.x.dtype} to {self.output.dtype}, expected uint8 to {expected}"
        if self.x.size != self.output.size * self.count or self.output.size != self.outer * self.inner:
            yield f"{self.x.size} elements to {self.output.size}, expected {self.count} times as many, by {self.inner}"
        if BYTE_MOST * self.count >= 2**31:
            yield f"a sum of {self.count} bytes, expected one that 32 bits hold"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes or floats [N, outer * inner] of bytes [N, size]."""
        sums = inputs[0].reshape(-1, self.count, self.inner).astype(np.int64).sum(axis=1) + self.bias
        return (finish_sums(self.finish, sums).reshape(len(inputs[0]), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return ", ".join((f"int8 sum of {self.count}", *describe_finish(self.finish)))

    def tables(self) -> tuple[Table, ...]:
        """Return what makes the output of the sums."""
        return finish_tables(self.finish)

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the sums beside each other."""
        return (Scratch("sums", "sums", self.inner),)

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per `outer`."""
        scope.use("integer_reduce")
        x, y = scope.row(self.x, self.outer, self.count * self.inner), scope.row(self.output, self.outer, self.inner)
        bias = scope.number("start", "int32_t", int(self.bias[0]))
        body = [
            f"  {OWN}integer_reduce({self.count}, {self.inner}, {bias}, {x}, sums);",
            f"  for (size_t j = 0; j < {self.inner}; ++j) {{",
            f"    ({y})[j] = {finish_expression(self.finish, scope)};",
            "  }",
        ]
        if self.outer == 1:
            return body
        return [f"  for (size_t row = 0; row < {self.outer}; ++row) {{", *(f"  {line}" for line in body), "  }"]


OPERATORS: tuple[Operator, ...] = ()
