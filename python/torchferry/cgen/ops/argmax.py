"""Argmax over one dim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, rows_along
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.rows import OverRows
from torchferry.cgen.target import Scope, over_rows
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Value


@dataclass(frozen=True, eq=False)
class Argmax(OverRows):
    """The index of the first largest of each row of `width` elements; a NaN counts as the largest."""

    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "int64"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to int64"
        if self.output.size * self.width != self.x.size:
            yield f"{self.x.size} elements to {self.output.size}, expected rows of {self.width}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return indices [N, rows] of x [N, rows * width]."""
        x = inputs[0].reshape(-1, self.width)
        index = np.where(np.isnan(x).any(axis=1), np.isnan(x).argmax(axis=1), x.argmax(axis=1)).astype(np.int64)
        return (index.reshape(len(inputs[0]), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return "argmax"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row."""
        scope.use("argmax")
        target = f"{scope.pointer(self.output)}[{'0' if self.rows == 1 else 'row'}]"
        return over_rows(self.rows, [f"  {target} = {OWN}argmax({self.width}, {scope.row(self.x, self.rows, self.width)});"])


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "argmax of a tensor"
    x = builder.value(node, source)
    if x.dtype != "float32":
        raise refuse(node, f"argmax of {x.dtype}", "float32")
    x, _, width = rows_along(builder, node, x, layout_of(source))
    output = Value(node.name, layout_of(node).value_shape, "int64")
    builder.nodes.append(Argmax(x, width, output, module_path(node)))
    return output


OPERATORS = (Operator(("aten.argmax.default",), _lower, ("argmax",)),)
