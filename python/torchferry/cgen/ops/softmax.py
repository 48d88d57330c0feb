"""Softmax and its logarithm over the last dim."""

from __future__ import annotations

from dataclasses import dataclass

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
from torchferry.cgen.target import Scope, over_rows
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Value

SUM_LANES = 8


@dataclass(frozen=True, eq=False)
class Softmax(RowsToRows):
    """y = e^(x - max x) / sum over rows of `width` elements, or its logarithm (x - max x) - log(sum).

    The sum has eight partial sums over j mod 8 in rising order of j, which are added pairwise.
    """

    logarithm: bool
    output: Value
    label: str

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return softmax [N, size] of x [N, size]."""
        x = inputs[0].reshape(-1, self.width)
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
        return (result.reshape(inputs[0].shape),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return "log_softmax" if self.logarithm else "softmax"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row."""
        scope.use(self.describe())
        x, y = (scope.row(value, self.rows, self.width) for value in (self.x, self.output))
        return over_rows(self.rows, [f"  {OWN}{self.describe()}({self.width}, {x}, {y});"])


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
