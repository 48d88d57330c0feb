"""Sums, means, extremes, products, variances and norms over any dims."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.ir import Int8Form, OneToOne, Quantizer
from torchferry.cgen.layout import Layout, layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments, number, require_dtype
from torchferry.cgen.ops.argmax import arg_extreme
from torchferry.cgen.ops.arithmetic import ADD, DIV, SUB
from torchferry.cgen.ops.elementwise import ABS, EXP, LN, SQRT
from torchferry.cgen.ops.integer_reduce import IntegerReduce
from torchferry.cgen.ops.pow import POW
from torchferry.cgen.pairwise import add_halves
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN, hex_float
from torchferry.cgen.values import DTYPES, Array, DType, Floats, Value

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
    """A number of many: `numpy` takes x [n, count, ...] and gives [n, ...]; kernel `reduce_NAME` does the same.

    `integers`: the same of int64, which wraps; its kernel is in `reduce_int64`.
    """

    name: str
    numpy: Callable[..., Floats]
    has_number: bool = False
    integers: Callable[..., Array] | None = None


SUM = Reduction("sum", sum_of, integers=lambda x: x.sum(axis=1))
PROD = Reduction("prod", _product, integers=lambda x: x.prod(axis=1))
MAX = Reduction("max", _best(np.greater), integers=lambda x: x.max(axis=1))
MIN = Reduction("min", _best(np.less), integers=lambda x: x.min(axis=1))
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
        known = ("float32",) if self.reduction.integers is None else ("float32", "int64")
        if self.x.dtype not in known or self.x.dtype != self.output.dtype:
            yield f"{self.x.dtype} to {self.output.dtype}, expected both {' or '.join(known)}"
        if self.x.size != self.output.size * self.count or self.output.size != self.outer * self.inner:
            yield f"{self.x.size} elements to {self.output.size}, expected {self.count} times as many, by {self.inner}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the numbers [N, outer * inner] of x [N, size]."""
        x = inputs[0].reshape(-1, self.count, self.inner)
        if x.dtype == np.int64 and self.reduction.integers is not None:
            return (self.reduction.integers(x).reshape(len(inputs[0]), -1),)
        more = (np.float32(self.number),) if self.reduction.has_number else ()
        return (self.reduction.numpy(x, *more).reshape(len(inputs[0]), -1),)

    @property
    def int8_form(self) -> Int8Form:
        """A sum of bytes is exact."""
        return "total" if self.reduction is SUM and self.x.dtype == "float32" else "none"

    def in_integers(self, quantizer: Quantizer) -> None:
        """Add exact sums of bytes."""
        x, kind = quantizer.bytes_of(self)
        finish, output = quantizer.finish(self.output, np.full(self.inner, kind.scale))
        bias = np.full(self.inner, -self.count * kind.zero)
        quantizer.add(IntegerReduce(x, self.count, bias, finish, output, self.label))

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"{self.reduction.name} of {self.count}"

    def with_channels_last(self, twins: Mapping[Value, Value]) -> Reduce | None:
        """Return this reduction of each channel of an image; None of another part of it."""
        channels = self.outer
        if self.inner != 1 or self.x not in twins or (self.x.shape[0], self.output.size) != (channels, channels):
            return None
        same_order = self.output.shape[0] in (1, channels)
        return replace(self, x=twins[self.x], inner=channels, output=twins.get(self.output, self.output)) if same_order else None

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per number; for sums of many columns one per `outer`."""
        if self.reduction is SUM and self.x.dtype == "float32" and self.inner >= LANES:
            scope.use("reduce_sum_columns")
            x, y = scope.pointer(self.x), scope.pointer(self.output)
            places = f"{x} + i0 * {self.count * self.inner}, {y} + i0 * {self.inner}"
            call = f"{OWN}reduce_sum_columns({self.count}, {self.inner}, {places});"
            return [f"  for (size_t i0 = 0; i0 < {self.outer}; ++i0) {{", f"    {call}", "  }"]
        whole = self.x.dtype == "int64"
        name = f"reduce_{self.reduction.name}{'_int64' if whole else ''}"
        scope.use("reduce_int64" if whole else name)
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
    builder: Builder, node: torch.fx.Node, source: Any, dims: Sequence[int], given: Value | None = None, dtype: DType = "float32"
) -> tuple[Value, int, int]:
    """Return `source` as a value [outer, count, inner], with `count` and `inner`; `count` is the product of the reduced dims.

    It is copied where these dims are not neighbours.

    `given`: a value in the shape of `source` instead of its own.
    """
    value, shape = given or builder.as_dtype(node, builder.value(node, source), dtype), layout_of(source).shape
    count = math.prod(shape[dim] for dim in dims)
    between = [dim for dim in range(dims[0], dims[-1] + 1) if dim not in dims and shape[dim] > 1]
    if not between:
        return value, count, math.prod(shape[dims[-1] + 1 :])
    index = np.arange(value.size, dtype=np.int64).reshape(shape)
    order = [*(dim for dim in range(len(shape)) if dim not in dims), *dims]
    moved = index.transpose(order)
    name = f"{value.name}_rows"
    return builder.copy(node, "permute", (value,), (piece_of(0, moved),), moved.shape, value.dtype, name), count, 1


def reduce(
    builder: Builder, node: torch.fx.Node, reduction: Reduction, dims: Any, more: float = 0.0, given: Value | None = None
) -> tuple[Value, int]:
    """Add a reduction of the node's first argument over dims; returns its value, and of how many elements each number is made.

    `given`: a value in the shape of that argument instead of its own.
    """
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "an operator reduces a tensor"
    result = require_dtype(node, *DTYPES)
    dtype: DType = "float32" if result == "float32" else "int64"
    value, count, inner = rows_of(builder, node, source, dims_of(node, layout_of(source), dims), given, dtype)
    output = Value(node.name, layout_of(node).value_shape, dtype)
    builder.nodes.append(Reduce(reduction, value, count, inner, more, output, module_path(node)))
    return builder.as_dtype(node, output, result), count


def _plain(reduction: Reduction) -> Lowering:
    return lambda builder, node: reduce(builder, node, reduction, arguments(node).get("dim"))[0]


def mean(builder: Builder, node: torch.fx.Node, dims: Any) -> Value:
    """Add the mean of the node's first argument over dims: the sum, divided by the count."""
    total, count = reduce(builder, node, SUM, dims)
    return builder.map(node, DIV, total, number(float(count)))


def _mean_of(builder: Builder, node: torch.fx.Node) -> Value:
    return mean(builder, node, arguments(node).get("dim"))


def _var(root: bool) -> Callable[[Builder, torch.fx.Node], Value]:
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


def _var_mean(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    return (_var(False)(builder, node), mean(builder, node, arguments(node).get("dim")))


def _extreme_with_index(reduction: Reduction, *, smallest: bool) -> Lowering:
    """Return the lowering to both results of max over a dim: the number, and the place of the first one of these."""

    def lower(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
        dim = arguments(node)["dim"]
        largest = reduce(builder, node, reduction, dim)[0]
        return largest, arg_extreme(builder, node, dim, smallest=smallest)

    return lower


def _any(reduction: Reduction) -> Lowering:
    """Return the lowering to a reduction of conditions: the largest of 0 and 1 says whether any holds, the smallest whether all do."""

    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        source = node.args[0]
        assert isinstance(source, torch.fx.Node), "an operator reduces a tensor"
        holds = builder.as_dtype(node, builder.value(node, source), "bool")
        return reduce(builder, node, reduction, arguments(node).get("dim"), given=builder.as_dtype(node, holds, "int64"))[0]

    return lower


def _norm(builder: Builder, node: torch.fx.Node) -> Value:
    """Return (sum |x|^p)^(1/p): of p infinity the largest |x|, of p 0 how many are not 0."""
    given = arguments(node)
    order = given.get("ord", given.get("p"))
    order = 2.0 if order is None else float(order)
    dims = given.get("dim")
    if order == 2:
        return builder.map(node, SQRT, reduce(builder, node, SQUARES, dims)[0])
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "an operator reduces a tensor"
    x = builder.as_float(node, builder.value(node, source))
    sizes = builder.apply(node, ABS, (x,), Value(f"{node.name}_abs", x.shape, "float32"))
    if order in (1.0, math.inf, -math.inf):
        return reduce(builder, node, SUM if order == 1 else MAX if order > 0 else MIN, dims, given=sizes)[0]
    if order == 0:
        sizes = builder.as_float(node, builder.as_dtype(node, sizes, "bool"))
        return reduce(builder, node, SUM, dims, given=sizes)[0]
    powers = builder.apply(node, POW, (sizes, number(order)), Value(f"{node.name}_powers", x.shape, "float32"))
    return builder.map(node, POW, reduce(builder, node, SUM, dims, given=powers)[0], number(1.0 / order))


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
    Operator(("aten.max.dim",), _extreme_with_index(MAX, smallest=False)),
    Operator(("aten.min.dim",), _extreme_with_index(MIN, smallest=True)),
    Operator(("aten.any.default", "aten.any.dim", "aten.any.dims"), _any(MAX), ("any",)),
    Operator(("aten.all.default", "aten.all.dim", "aten.all.dims"), _any(MIN), ("all",)),
    Operator(("aten.var_mean.correction", "aten.var_mean.dim"), _var_mean),
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
