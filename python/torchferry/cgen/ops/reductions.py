"""Sums, means, extremes, products, variances and norms over any dims."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.layout import Layout, layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments, number, require_dtype
from torchferry.cgen.ops.arithmetic import ADD, DIV, SUB
from torchferry.cgen.ops.elementwise import ABS, EXP, LN, SQRT
from torchferry.cgen.pairwise import add_halves
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN, hex_float
from torchferry.cgen.values import Array, Floats, Value

LANES = 8


def sum_of(x: Floats) -> Floats:
    """Return the sum over axis 1 of x [n, count, ...]: eight partial sums over j mod 8, added pairwise."""
    sums = np.zeros((LANES, len(x), *x.shape[2:]), np.float32)
    for j in range(x.shape[1]):
        sums[j % LANES] += x[:, j]
    return add_halves(sums)


def _variance(x: Floats, divisor: Floats) -> Floats:
    distance = x - (sum_of(x) / np.float32(x.shape[1]))[:, None]
    value: Floats = sum_of(distance * distance) / divisor
    return value


def _product(x: Floats) -> Floats:
    product = x[:, 0]
    for j in range(1, x.shape[1]):
        product = product * x[:, j]
    return product


def _best(better: Callable[[Array, Array], Array]) -> Callable[[Floats], Floats]:
    def best_of(x: Floats) -> Floats:
        best = x[:, 0]
        for j in range(1, x.shape[1]):
            best = np.where(better(x[:, j], best) | np.isnan(x[:, j]), x[:, j], best)
        return best + np.float32(0)

    return best_of


@dataclass(frozen=True)
class Reduction:
    """A number of many: `numpy` takes x [n, count, ...] and gives [n, ...]; kernel `reduce_NAME` does the same."""

    name: str
    numpy: Callable[..., Floats]
    has_number: bool = False


SUM = Reduction("sum", sum_of)
PROD = Reduction("prod", _product)
MAX = Reduction("max", _best(np.greater))
MIN = Reduction("min", _best(np.less))
VAR = Reduction("var", _variance, has_number=True)
SQUARES = Reduction("squares", lambda x, centre: sum_of((x - centre) * (x - centre)), has_number=True)


@dataclass(frozen=True, eq=False)
class Reduce(OneToOne):
    """output[outer, inner] = reduction of x[outer, :, inner]."""

    reduction: Reduction
    x: Value
    count: int
    inner: int
    number: float
    output: Value
    label: str

    @property
    def outer(self) -> int:
        """How often the whole repeats."""
        return self.x.size // (self.count * self.inner)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "float32"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to float32"
        if self.x.size != self.output.size * self.count or self.output.size != self.outer * self.inner:
            yield f"{self.x.size} elements to {self.output.size}, expected {self.count} times as many, by {self.inner}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the numbers [N, outer * inner] of x [N, size]."""
        x = inputs[0].reshape(-1, self.count, self.inner)
        more = (np.float32(self.number),) if self.reduction.has_number else ()
        return (self.reduction.numpy(x, *more).reshape(len(inputs[0]), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"{self.reduction.name} of {self.count}"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per number."""
        name = f"reduce_{self.reduction.name}"
        scope.use(name)
        more = f", {hex_float(float(np.float32(self.number)))}" if self.reduction.has_number else ""
        start = f"{scope.pointer(self.x)} + i0 * {self.count * self.inner} + i1"
        call = f"{OWN}{name}({self.count}, {self.inner}, {start}{more})"
        return over_outer_inner(self.outer, self.inner, f"{scope.pointer(self.output)}[i0 * {self.inner} + i1] = {call};")


def over_outer_inner(outer: int, inner: int, line: str) -> list[str]:
    """Return `line` in loops over the places in front of the dims, i0, and those behind them, i1."""
    return [
        f"  for (size_t i0 = 0; i0 < {outer}; ++i0) {{",
        f"    for (size_t i1 = 0; i1 < {inner}; ++i1) {{",
        f"      {line}",
        "    }",
        "  }",
    ]


def dims_of(node: torch.fx.Node, layout: Layout, given: Any) -> list[int]:
    """Return reduced dims, in rising order; none given: all. Raises FerryError(FORMAT) where the batch is one of them."""
    rank = len(layout.shape)
    listed = [given] if isinstance(given, int) else list(range(rank)) if given is None or len(given) == 0 else list(given)
    dims = sorted(dim % rank for dim in listed)
    if layout.batch in dims:
        raise refuse(node, f"{node.target} over the batch", "other dims: samples must not mix")
    return dims


def rows_of(
    builder: Builder, node: torch.fx.Node, source: Any, dims: Sequence[int], given: Value | None = None
) -> tuple[Value, int, int]:
    """Return `source` as a value [outer, count, inner], with `count` and `inner`; `count` is the product of the reduced dims.

    It is copied where these dims are not neighbours.

    `given`: a value in the shape of `source` instead of its own.
    """
    value, shape = given or builder.as_float(node, builder.value(node, source)), layout_of(source).shape
    count = math.prod(shape[dim] for dim in dims)
    between = [dim for dim in range(dims[0], dims[-1] + 1) if dim not in dims and shape[dim] > 1]
    if not between:
        return value, count, math.prod(shape[dims[-1] + 1 :])
    index = np.arange(value.size, dtype=np.int64).reshape(shape)
    order = [*(dim for dim in range(len(shape)) if dim not in dims), *dims]
    moved = index.transpose(order)
    name = f"{value.name}_rows"
    return builder.copy(node, "permute", (value,), (piece_of(0, moved),), moved.shape, "float32", name), count, 1


def reduce(
    builder: Builder, node: torch.fx.Node, reduction: Reduction, dims: Any, more: float = 0.0, given: Value | None = None
) -> tuple[Value, int]:
    """Add a reduction of the node's first argument over dims; returns its value, and of how many elements each number is made.

    `given`: a value in the shape of that argument instead of its own.
    """
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "an operator reduces a tensor"
    require_dtype(node, "float32")
    value, count, inner = rows_of(builder, node, source, dims_of(node, layout_of(source), dims), given)
    output = Value(node.name, layout_of(node).value_shape, "float32")
    builder.nodes.append(Reduce(reduction, value, count, inner, more, output, module_path(node)))
    return output, count


def _plain(reduction: Reduction) -> Lowering:
    return lambda builder, node: reduce(builder, node, reduction, arguments(node).get("dim"))[0]


def mean(builder: Builder, node: torch.fx.Node, dims: Any) -> Value:
    """Add the mean of the node's first argument over dims: the sum, divided by the count."""
    total, count = reduce(builder, node, SUM, dims)
    return builder.map(node, DIV, total, number(float(count)))


def _mean_of(builder: Builder, node: torch.fx.Node) -> Value:
    return mean(builder, node, arguments(node).get("dim"))


def _var(root: bool) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        given = arguments(node)
        dims = given.get("dim")
        correction = given.get("correction", 1 if given.get("unbiased", True) else 0)
        correction = 1 if correction is None else correction
        source = node.args[0]
        assert isinstance(source, torch.fx.Node), "an operator reduces a tensor"
        shape = layout_of(source).shape
        count = math.prod(shape[dim] for dim in dims_of(node, layout_of(source), dims))
        if count <= correction:
            raise refuse(node, f"the variance of {count} with correction {correction}", "more numbers")
        value = reduce(builder, node, VAR, dims, count - correction)[0]
        return builder.map(node, SQRT, value) if root else value

    return lower


def _norm(builder: Builder, node: torch.fx.Node) -> Value:
    """Return (sum |x|^p)^(1/p) for p of 1, 2 and infinity."""
    given = arguments(node)
    order = given.get("ord", given.get("p"))
    order = 2.0 if order is None else float(order)
    dims = given.get("dim")
    if order == 2:
        return builder.map(node, SQRT, reduce(builder, node, SQUARES, dims)[0])
    if order not in (1.0, math.inf, -math.inf):
        raise refuse(node, f"the norm of order {order}", "1, 2 or infinity")
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "an operator reduces a tensor"
    x = builder.as_float(node, builder.value(node, source))
    sizes = builder.apply(node, ABS, (x,), Value(f"{node.name}_abs", x.shape, "float32"))
    return reduce(builder, node, SUM if order == 1 else MAX if order > 0 else MIN, dims, given=sizes)[0]


def _extreme(reduction: Reduction) -> Lowering:
    """Return the lowering to the first result of max over a dim; its indices are refused where they are read."""
    return lambda builder, node: (reduce(builder, node, reduction, arguments(node)["dim"])[0],)


def _log_sum_exp(builder: Builder, node: torch.fx.Node) -> Value:
    """max + log(sum of e^(x - max))."""
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "an operator reduces a tensor"
    layout = layout_of(source)
    dims = dims_of(node, layout, arguments(node)["dim"])
    x = builder.as_float(node, builder.value(node, source))
    largest = reduce(builder, node, MAX, dims)[0]
    index = np.zeros(layout.shape, np.int64) + np.arange(largest.size).reshape(
        [1 if dim in dims else size for dim, size in enumerate(layout.shape)]
    )
    spread = builder.copy(node, "expand", (largest,), (piece_of(0, index),), x.shape, "float32", f"{node.name}_largest")
    shifted = builder.apply(node, SUB, (x, spread), Value(f"{node.name}_shifted", x.shape, "float32"))
    powers = builder.apply(node, EXP, (shifted,), Value(f"{node.name}_powers", x.shape, "float32"))
    rows, count, inner = rows_of(builder, node, source, dims, powers)
    total = Value(f"{node.name}_total", largest.shape, "float32")
    builder.nodes.append(Reduce(SUM, rows, count, inner, 0.0, total, module_path(node)))
    return builder.map(node, ADD, builder.map(node, LN, total), largest)


OPERATORS = (
    Operator(("aten.sum.default", "aten.sum.dim_IntList"), _plain(SUM), ("sum",)),
    Operator(("aten.mean.default", "aten.mean.dim"), _mean_of, ("mean",)),
    Operator(("aten.amax.default", "aten.max.default"), _plain(MAX), ("amax",)),
    Operator(("aten.amin.default", "aten.min.default"), _plain(MIN), ("amin",)),
    Operator(("aten.max.dim",), _extreme(MAX)),
    Operator(("aten.min.dim",), _extreme(MIN)),
    Operator(("aten.prod.default", "aten.prod.dim_int"), _plain(PROD), ("prod",)),
    Operator(("aten.var.correction", "aten.var.dim", "aten.var.default"), _var(False), ("var",)),
    Operator(("aten.std.correction", "aten.std.dim", "aten.std.default"), _var(True), ("std",)),
    Operator(
        ("aten.linalg_vector_norm.default", "aten.norm.ScalarOpt_dim", "aten.norm.Scalar", "aten.norm.ScalarOpt_dim_dtype"),
        _norm,
        ("norm",),
    ),
    Operator(("aten.logsumexp.default",), _log_sum_exp, ("logsumexp",)),
)
