"""Sorting along one dim, and the largest or smallest of it. Equal numbers keep their order, whatever torch promises of them.

Torch leaves open which of equal numbers topk gives, and in which order sort without `stable` leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.layout import Layout, layout_of
from torchferry.cgen.lowering import Operator, arguments, require_dtype, rows_along
from torchferry.cgen.refusal import module_path
from torchferry.cgen.rows import OverRows
from torchferry.cgen.target import Scope, Scratch, over_rows
from torchferry.cgen.text import OWN
from torchferry.cgen.values import DTYPES, Array, Value


@dataclass(frozen=True, eq=False)
class Sort(OverRows):
    """The order of each row of `width` elements, as places: the smallest or largest first, NaN being the largest of all."""

    descending: bool
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if self.x.dtype not in ("float32", "int64") or self.output.dtype != "int64":
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 or int64 to int64"
        if self.x.size != self.output.size or self.x.size % self.width:
            yield f"{self.x.size} elements to {self.output.size}, expected as many in rows of {self.width}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return places [N, size] of x [N, size]."""
        x = inputs[0].reshape(-1, self.width)
        order = np.argsort(x[:, ::-1] if self.descending else x, axis=1, kind="stable")
        if self.descending:  # backwards twice, so that equal numbers keep their order
            order = self.width - 1 - order[:, ::-1]
        return (order.astype(np.int64).reshape(inputs[0].shape),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"sort rows of {self.width}"

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the places of one row."""
        return (Scratch("other", "integers", self.width),)

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row."""
        name = f"sort_{self.x.dtype}"
        scope.use(name)
        x, order = (scope.row(value, self.rows, self.width) for value in (self.x, self.output))
        return over_rows(self.rows, [f"  {OWN}{name}({self.width}, {int(self.descending)}, {x}, {order}, other);"])


@dataclass(frozen=True, eq=False)
class Ordered(OverRows):
    """Each row of x in the order of `places`."""

    places: Value
    output: Value
    label: str

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.x, self.places)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if self.x.dtype != self.output.dtype or self.places.dtype != "int64":
            yield f"{self.x.dtype} by {self.places.dtype} to {self.output.dtype}, expected one dtype by int64"
        if not self.x.size == self.output.size == self.places.size:
            yield f"{self.x.size} elements by {self.places.size} to {self.output.size}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return ordered rows [N, size] of x and places [N, size]."""
        x, places = (array.reshape(-1, self.width) for array in inputs)
        return (np.take_along_axis(x, places, axis=1).reshape(inputs[0].shape),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"ordered rows of {self.width}"

    def emit(self, scope: Scope) -> list[str]:
        """Return the loop."""
        x, places, y = (scope.row(value, self.rows, self.width) for value in (self.x, self.places, self.output))
        loop = [f"  for (size_t j = 0; j < {self.width}; ++j) {{", f"    ({y})[j] = ({x})[({places})[j]];", "  }"]
        return over_rows(self.rows, loop)


def sorted_rows(
    builder: Builder, node: torch.fx.Node, source: Any, dim: int, *, descending: bool
) -> tuple[Value, Value, Layout, int]:
    """Return the ordered numbers and their places, each [..., width] with `dim` last; the layout of the source and the width."""
    x, layout = builder.value(node, source), layout_of(source)
    x = x if x.dtype == "float32" else builder.as_dtype(node, x, "int64")
    x, _, width = rows_along(builder, node, x, layout, dim)
    places, rows = Value(f"{node.name}_places", x.shape, "int64"), Value(f"{node.name}_rows", x.shape, x.dtype)
    builder.nodes.append(Sort(x, width, descending, places, module_path(node)))
    builder.nodes.append(Ordered(x, width, places, rows, module_path(node)))
    return rows, places, layout, width


def _lower(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    given = arguments(node)
    descending = bool(given.get("descending", given.get("largest", False)))
    dim = -1 if given.get("dim") is None else given["dim"]
    rows, places, layout, width = sorted_rows(builder, node, node.args[0], dim, descending=descending)
    kept, dim = given.get("k", width), dim % len(layout.shape)
    shape = (*layout.shape[:dim], *layout.shape[dim + 1 :], width)
    first = np.arange(rows.size, dtype=np.int64).reshape(shape)[..., :kept]
    back = np.moveaxis(first, -1, dim)
    return (_moved(builder, node, rows, back, 0), _moved(builder, node, places, back, 1))


def _moved(builder: Builder, node: torch.fx.Node, value: Value, index: Array, result: int) -> Value:
    """Return the elements of a value in the layout of one of the node's results, and in its dtype."""
    dtype = require_dtype(node, *DTYPES) if result == 0 else "int64"
    same = index.size == value.size and bool((index.ravel() == np.arange(value.size)).all())
    shape, name = layout_of(node, result).value_shape, f"{node.name}_{result}"
    moved = value if same else builder.copy(node, "permute", (value,), (piece_of(0, index),), shape, value.dtype, name)
    return builder.as_dtype(node, moved, dtype)


OPERATORS = (
    Operator(("aten.sort.default", "aten.sort.stable"), _lower, ("sort",)),
    Operator(("aten.topk.default",), _lower, ("topk",)),
)
