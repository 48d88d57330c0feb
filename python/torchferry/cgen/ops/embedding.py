"""Rows of a table by index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Value


@dataclass(frozen=True, eq=False)
class Embedding(OneToOne):
    """output[i] = table[x[i]], of a table [rows, width]; an index outside counts as the nearest one inside."""

    x: Value
    table: Doubles
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if self.x.dtype in ("float32", "bool") or self.output.dtype != "float32":
            yield f"{self.x.dtype} to {self.output.dtype}, expected integers to float32"
        if self.table.ndim != 2 or self.output.size != self.x.size * self.table.shape[-1]:
            yield f"{self.x.size} elements to {self.output.size} by a table {list(self.table.shape)}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the rows [N, size * width] of indices [N, size]."""
        index = np.clip(inputs[0].astype(np.int64), 0, len(self.table) - 1)
        return (self.table.astype(np.float32)[index].reshape(len(index), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"Embedding {len(self.table)} x {self.table.shape[1]}"

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what becomes of an index outside."""
        del caller
        yield "An index outside an embedding's table counts as the nearest one inside."

    def tables(self) -> tuple[Table, ...]:
        """Return the rows."""
        return (Table("rows", "float", self.table.astype(np.float32), "[row][column]"),)

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per index."""
        scope.use("embedding")
        rows, width = self.table.shape
        place = f"{scope.pointer(self.output)} + i0 * {width}"
        call = f"{OWN}embedding({rows}, {width}, {scope.pointer(self.x)}[i0], {scope.table('rows')}, {place});"
        return [f"  for (size_t i0 = 0; i0 < {self.x.size}; ++i0) {{", f"    {call}", "  }"]


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    given = arguments(node)
    x = builder.value(node, given["indices"])
    if x.dtype in ("float32", "bool"):
        raise refuse(node, f"an embedding of {x.dtype}", "integers")
    output = Value(node.name, layout_of(node).value_shape, "float32")
    builder.nodes.append(Embedding(x, builder.numbers(node, given["weight"]), output, module_path(node)))
    return output


OPERATORS = (Operator(("aten.embedding.default",), _lower, ("Embedding",)),)
