"""Matrix products of two values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Step
from torchferry.cgen.layout import Layout, layout_of
from torchferry.cgen.lowering import Operator, require_dtype
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope, over_rows
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Value


@dataclass(frozen=True, eq=False)
class Product(Step):
    """y[m, n] = a[m, k] b[k, n], `count` times. Each sum starts at +0 and takes its products in rising order of k."""

    a: Value
    b: Value
    count: int
    m: int
    k: int
    n: int
    output: Value
    label: str

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.a, self.b)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What it writes."""
        return (self.output,)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if {self.a.dtype, self.b.dtype, self.output.dtype} != {"float32"}:
            yield f"{self.a.dtype} and {self.b.dtype} to {self.output.dtype}, expected float32"
        sizes = (self.a.size, self.b.size, self.output.size)
        expected = (self.count * self.m * self.k, self.count * self.k * self.n, self.count * self.m * self.n)
        if sizes != expected:
            yield f"{sizes[0]} and {sizes[1]} elements to {sizes[2]}, expected {expected[0]} and {expected[1]} to {expected[2]}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the products [N, size] of a and b [N, size]."""
        a = inputs[0].reshape(-1, self.m, self.k)
        b = inputs[1].reshape(-1, self.k, self.n)
        sums = np.zeros((len(a), self.m, self.n), np.float32)
        for k in range(self.k):
            sums += a[:, :, k, None] * b[:, None, k, :]
        return (sums.reshape(len(inputs[0]), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"product {self.m}x{self.k} by {self.k}x{self.n}" + (f", {self.count} times" if self.count > 1 else "")

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per matrix."""
        scope.use("product")
        a = scope.row(self.a, self.count, self.m * self.k)
        b, y = scope.row(self.b, self.count, self.k * self.n), scope.row(self.output, self.count, self.m * self.n)
        return over_rows(self.count, [f"  {OWN}product({self.m}, {self.k}, {self.n}, {a}, {b}, {y});"])


def product(
    builder: Builder, node: torch.fx.Node, a: tuple[Value, Layout], b: tuple[Value, Layout], name: str
) -> tuple[Value, Layout]:
    """Add a b for matrices in the last two dims; the dims before them broadcast. Raises FerryError(FORMAT) where samples would mix."""
    lead = np.broadcast_shapes(a[1].shape[:-2], b[1].shape[:-2])
    (m, k), (others, n) = a[1].shape[-2:], b[1].shape[-2:]
    assert k == others, "torch checks it"
    values, batch = [], 0
    for (value, own), last in ((a, (m, k)), (b, (k, n))):
        batch = own.batch + len(lead) + 2 - len(own.shape)
        if own.batch >= len(own.shape) - 2:
            raise refuse(node, f"{node.target} over the batch", "the batch before the last two dims")
        values.append(builder.spread(node, value, own, Layout((*lead, *last), batch)))
    layout = Layout((*lead, m, n), batch)
    output = Value(name, layout.value_shape, "float32")
    builder.nodes.append(Product(values[0], values[1], int(np.prod(lead)), m, k, n, output, module_path(node)))
    return output, layout


def lower_product(builder: Builder, node: torch.fx.Node) -> Value:
    """Return the product of two values [..., m, k] and [..., k, n]. Raises FerryError(FORMAT) where samples would mix."""
    require_dtype(node, "float32")
    operands = []
    for argument in node.args[:2]:
        if not isinstance(argument, torch.fx.Node) or len(layout_of(argument).shape) < 2:
            raise refuse(node, f"{node.target} of {argument}", "matrices")
        operands.append((builder.as_float(node, builder.value(node, argument)), layout_of(argument)))
    if any(len(layout.shape) < 3 for _, layout in operands):
        raise refuse(node, f"{node.target} over the batch", "the batch before the last two dims")
    return product(builder, node, operands[0], operands[1], node.name)[0]


OPERATORS = (Operator(("aten.bmm.default",), lower_product, ("matmul",)),)
