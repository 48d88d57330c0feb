"""Running sums over one dim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.integers import INTEGERS
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops.reductions import dims_of, over_outer_inner, rows_of
from torchferry.cgen.refusal import module_path
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, DType, Value


@dataclass(frozen=True, eq=False)
class CumulativeSum(OneToOne):
    """output[outer, j, inner] = x[outer, 0, inner] + ... + x[outer, j, inner], in this order from +0."""

    x: Value
    count: int
    inner: int
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if self.x.dtype not in ("float32", "int64") or self.x.dtype != self.output.dtype:
            yield f"{self.x.dtype} to {self.output.dtype}, expected both float32 or int64"
        if self.x.size != self.output.size or self.x.size % (self.count * self.inner):
            yield f"{self.x.size} elements to {self.output.size}, expected as many in runs of {self.count * self.inner}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return running sums [N, size] of x [N, size]."""
        x = inputs[0].reshape(-1, self.count, self.inner)
        sums, total = np.empty_like(x), np.zeros((len(x), self.inner), x.dtype)
        for j in range(self.count):
            total = total + x[:, j]
            sums[:, j] = total
        return (sums.reshape(inputs[0].shape),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return "cumsum"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per run."""
        name = "cumsum" if self.x.dtype == "float32" else "cumsum_int64"
        scope.use(name)
        place = f" + i0 * {self.count * self.inner} + i1"
        x, y = (scope.pointer(value) + place for value in (self.x, self.output))
        outer = self.x.size // (self.count * self.inner)
        return over_outer_inner(outer, self.inner, f"{OWN}{name}({self.count}, {self.inner}, {x}, {y});")


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    result = require_dtype(node, "float32", *INTEGERS)
    dtype: DType = "float32" if result == "float32" else "int64"
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "a sum of a tensor"
    dims = dims_of(node, layout_of(source), arguments(node)["dim"])
    value, count, inner = rows_of(builder, node, source, dims, dtype=dtype)
    output = Value(node.name, layout_of(node).value_shape, dtype)
    builder.nodes.append(CumulativeSum(value, count, inner, output, module_path(node)))
    return builder.as_dtype(node, output, result)


OPERATORS = (Operator(("aten.cumsum.default",), _lower, ("cumsum",)),)
