"""An elementwise function of bytes: a table of 256, made by the pass to int8, not by an ATen operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen.ir import OneToOne
from torchferry.cgen.lowering import Operator
from torchferry.cgen.target import Scope, Table
from torchferry.cgen.values import Array, Integers, Value


@dataclass(frozen=True, eq=False)
class ByteFunction(OneToOne):
    """y = table[x], elementwise; `table` [256] is function `name`."""

    x: Value
    table: Integers
    name: str
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("uint8", "uint8"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected uint8 to uint8"
        if self.x.size != self.output.size:
            yield f"{self.x.size} elements to {self.output.size}, expected as many"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes [N, size] of bytes [N, size]."""
        return (self.table.astype(np.uint8)[inputs[0]],)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"int8 {self.name}"

    def tables(self) -> tuple[Table, ...]:
        """Return the table."""
        return (Table("bytes", "uint8_t", self.table.astype(np.uint8), f"the byte of {self.name} for each byte"),)

    def emit(self, scope: Scope) -> list[str]:
        """Return a loop over the elements."""
        line = f"    {scope.pointer(self.output)}[j] = {scope.table('bytes')}[{scope.pointer(self.x)}[j]];"
        return [f"  for (size_t j = 0; j < {self.output.size}; ++j) {{", line, "  }"]


OPERATORS: tuple[Operator, ...] = ()
