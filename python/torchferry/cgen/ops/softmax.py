"""Softmax and its logarithm over one dim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch.fx

from torchferry.cgen import elementary
from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, arguments, require_dtype, rows_along
from torchferry.cgen.pairwise import add_halves
from torchferry.cgen.refusal import module_path
from torchferry.cgen.rows import RowsToRows
from torchferry.cgen.target import Scope, Scratch, over_rows
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Value

SUM_LANES = 8
BLOCK = 64  # columns at a time, as kernels/exp_columns.c has it


@dataclass(frozen=True, eq=False)
class Softmax(RowsToRows):
    """y = e^(x - max x) / sum over rows of `width` elements, or its logarithm (x - max x) - log(sum).

    The sum has eight partial sums over j mod 8 in rising order of j, which are added pairwise. The elements of a row lie `inner`
    apart: with more than one they are columns beside each other.
    """

    logarithm: bool
    output: Value
    label: str
    inner: int = 1

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return softmax [N, size] of x [N, size]."""
        x = inputs[0].reshape(-1, self.width, self.inner).swapaxes(1, 2).reshape(-1, self.width)
        largest = x[:, 0]
        for j in range(1, self.width):
            largest = np.where(largest < x[:, j], x[:, j], largest)
        shifted = x - (largest[:, None] + np.float32(0))
        e = elementary.exp(shifted)
        sums = np.zeros((SUM_LANES, len(x)), np.float32)
        for j in range(self.width):
            sums[j % SUM_LANES] += e[:, j]
        total = add_halves(sums)[:, None]
        result = shifted - elementary.log(total) if self.logarithm else e / total
        return (result.reshape(-1, self.inner, self.width).swapaxes(1, 2).reshape(inputs[0].shape),)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from super().problems()
        if self.x.size % (self.width * self.inner):
            yield f"{self.x.size} elements, expected columns of {self.width}, {self.inner} beside each other"

    def over_columns(self, inner: int, x: Value, output: Value) -> Softmax:
        """See RowsToRows."""
        return replace(self, x=x, output=output, inner=inner)

    def with_channels_last(self, twins: Mapping[Value, Value]) -> Softmax | None:
        """Return the softmax over the channels of an image, which are rows where they lie last."""
        over_channels = self.inner > 1 and self.x.shape == self.output.shape and self.x.shape[0] == self.width
        if not over_channels or self.x.size != self.width * self.inner or not {self.x, self.output} <= twins.keys():
            return None
        return replace(self, x=twins[self.x], output=twins[self.output], inner=1)

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the largest element and the partial sums of each column of a block."""
        return (Scratch("sums", "floats", (1 + SUM_LANES) * min(self.inner, BLOCK)),) if self.inner > 1 else ()

    def describe(self) -> str:
        """Name it for the list of layers."""
        return "log_softmax" if self.logarithm else "softmax"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row, or per block of columns beside each other."""
        if self.inner > 1:
            return self._emit_columns(scope)
        scope.use(self.describe())
        x, y = (scope.row(value, self.rows, self.width) for value in (self.x, self.output))
        return over_rows(self.rows, [f"  {OWN}{self.describe()}({self.width}, {x}, {y});"])

    def _emit_columns(self, scope: Scope) -> list[str]:
        name, whole = f"{self.describe()}_columns", self.width * self.inner
        scope.use(name)
        x, y = (scope.row(value, self.x.size // whole, whole) for value in (self.x, self.output))
        return over_rows(self.x.size // whole, [f"  {OWN}{name}({self.width}, {self.inner}, {x}, {y}, sums);"])


def _lower(builder: Builder, node: torch.fx.Node, *, logarithm: bool) -> Value:
    require_dtype(node, "float32")
    x, layout = builder.as_float(node, builder.value(node, node.args[0])), layout_of(node)
    x, index, width = rows_along(builder, node, x, layout, arguments(node)["dim"])
    name, shape = (node.name, layout.value_shape) if index is None else (f"{node.name}_rows", index.shape)
    rows = Value(name, shape, "float32")
    builder.nodes.append(Softmax(x, width, logarithm, rows, module_path(node)))
    if index is None:
        return rows
    back = np.argsort(index.ravel()).reshape(layout.shape)
    return builder.copy(node, "permute", (rows,), (piece_of(0, back),), layout.value_shape, "float32", node.name)


OPERATORS = (
    Operator(
        ("aten.softmax.int", "aten._softmax.default"), lambda builder, node: _lower(builder, node, logarithm=False), ("softmax",)
    ),
    Operator(
        ("aten.log_softmax.int", "aten._log_softmax.default"),
        lambda builder, node: _lower(builder, node, logarithm=True),
        ("log_softmax",),
    ),
)
