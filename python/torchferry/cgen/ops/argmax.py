"""Argmax over one dim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments, rows_along
from torchferry.cgen.refusal import module_path
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
        if self.x.dtype not in ("float32", "int64") or self.output.dtype != "int64":
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 or int64 to int64"
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
        name = "argmax" if self.x.dtype == "float32" else "argmax_int64"
        scope.use(name)
        target = f"{scope.pointer(self.output)}[{'0' if self.rows == 1 else 'row'}]"
        return over_rows(self.rows, [f"  {target} = {OWN}{name}({self.width}, {scope.row(self.x, self.rows, self.width)});"])


NEGATIVE = Elementwise("neg", "-{0}", np.negative)
REVERSED = Elementwise(
    "not", "~{0}", np.invert, dtype="int64"
)  # of integers the smallest becomes the largest, without an overflow


def arg_extreme(builder: Builder, node: torch.fx.Node, dim: Any, *, smallest: bool) -> Value:
    """Add the place of the first largest or smallest of the node's first argument along a dim; a NaN counts as either."""
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "argmax of a tensor"
    x = builder.value(node, source)
    x = x if x.dtype == "float32" else builder.as_dtype(node, x, "int64")
    if smallest:
        function = NEGATIVE if x.dtype == "float32" else REVERSED
        x = builder.apply(node, function, (x,), Value(f"{node.name}_turned", x.shape, x.dtype))
    x, _, width = rows_along(builder, node, x, layout_of(source), dim)
    last = len(node.meta["val"]) - 1 if isinstance(node.meta["val"], tuple | list) else None
    output = Value(node.name if last is None else f"{node.name}_index", layout_of(node, last).value_shape, "int64")
    builder.nodes.append(Argmax(x, width, output, module_path(node)))
    return output


def _lowering(*, smallest: bool) -> Lowering:
    return lambda builder, node: arg_extreme(builder, node, arguments(node)["dim"], smallest=smallest)


OPERATORS = (
    Operator(("aten.argmax.default",), _lowering(smallest=False), ("argmax",)),
    Operator(("aten.argmin.default",), _lowering(smallest=True), ("argmin",)),
)
