"""Writing at computed places: scatter and its reductions, index_add, and assignment to indexed elements.

Elements are written in rising order of the index's own places, so that of two to one place the last one counts, and sums are
in this order. Torch leaves that open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.ir import Step
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments, require_dtype
from torchferry.cgen.ops.gather import index_of
from torchferry.cgen.ops.where import put_where
from torchferry.cgen.places import PROMISE, Places, arrays_of, constant_index, values_of
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope, Table, c_type
from torchferry.cgen.text import literal
from torchferry.cgen.values import DTYPES, Array, Constant, DType, Operand, Shape, Value


@dataclass(frozen=True)
class Writing:
    """What becomes of an element: `floats` and `integers` are C of the old one {y} and the new one {x}, `numpy` the same."""

    name: str
    numpy: Callable[[Array, Array], Array]
    floats: str
    integers: str


SET = Writing("scatter", lambda _, x: x, "{x}", "{x}")
ADD = Writing("scatter_add", lambda y, x: y + x, "{y} + {x}", "(uint64_t){y} + (uint64_t){x}")
MULTIPLY = Writing("scatter_multiply", lambda y, x: y * x, "{y} * {x}", "(uint64_t){y} * (uint64_t){x}")


def _best(name: str, better: Callable[[Array, Array], Array], sign: str) -> Writing:
    """Return the writing that keeps the better number; a NaN counts as better, and of zeros +0 is the result."""
    return Writing(
        name,
        lambda y, x: np.where(better(y, x) | np.isnan(y), y, x) + y.dtype.type(0),
        f"({{y}} {sign} {{x}} || {{y}} != {{y}} ? {{y}} : {{x}}) + 0.0f",
        f"{{y}} {sign} {{x}} ? {{y}} : {{x}}",
    )


LARGEST, SMALLEST = _best("scatter_amax", np.greater, ">"), _best("scatter_amin", np.less, "<")
REDUCTIONS = {"add": ADD, "sum": ADD, "multiply": MULTIPLY, "prod": MULTIPLY, "amax": LARGEST, "amin": SMALLEST}


@dataclass(frozen=True, eq=False)
class Scatter(Step):
    """output = base; then for each k in rising order output[o, index[k], i] = writing of it and source[o, k, i]."""

    writing: Writing
    base: Operand
    index: Operand
    source: Operand
    places: Places
    output: Value
    label: str

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""
        return values_of(self.base, self.index, self.source)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What it writes."""
        return (self.output,)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from self.places.problems(self.index)
        if self.output.size != self.places.whole:
            yield f"{self.output.size} elements, expected {self.places.whole}"
        for operand, size in ((self.base, self.places.whole), (self.source, self.places.picked)):
            if isinstance(operand, Value) and (operand.size not in (1, size) or operand.dtype != self.output.dtype):
                yield f"{operand.size} elements of {operand.dtype}, expected {size} of {self.output.dtype}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the result [N, size]."""
        samples = len(inputs[0])
        base, index, source = arrays_of((self.base, self.index, self.source), self.inputs, inputs)
        y = np.broadcast_to(base, (samples, self.places.whole)).astype(self.output.dtype)
        written = np.broadcast_to(source, (samples, self.places.picked)).astype(self.output.dtype)
        places, rows = self.places.of(index, samples), np.arange(samples)[:, None]
        written = written.reshape(places.shape)
        for k in range(self.places.count):
            at = places[:, :, k].reshape(samples, -1)
            y[rows, at] = self.writing.numpy(y[rows, at], written[:, :, k].reshape(samples, -1)).astype(self.output.dtype)
        return (y,)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"{self.writing.name} {self.places.count} of {self.places.size}"

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what becomes of an index outside."""
        del caller
        yield PROMISE

    def tables(self) -> tuple[Table, ...]:
        """Return what is constant."""
        found = []
        ctype = "float" if self.output.dtype == "float32" else "int64_t"
        for kind, operand in (("base", self.base), ("source", self.source)):
            if isinstance(operand, Constant) and operand.array.ndim:
                found.append(
                    Table(kind, ctype, operand.array.astype(np.float32 if ctype == "float" else np.int64), "one per element")
                )
        if isinstance(self.index, Constant):
            found.append(Table("places", "int64_t", self.index.array.astype(np.int64), "one per place"))
        return tuple(found)

    def emit(self, scope: Scope) -> list[str]:
        """Return the copy and the loops."""
        dtype, y = self.output.dtype, scope.pointer(self.output)
        cast = "" if dtype in ("float32", "int64") else f"({c_type(dtype)})"
        copy = f"{y}[i0] = {cast}({self._element(scope, 'base', self.base, 'i0')});"
        old, new = f"{y}[{{at}}]", self._element(scope, "source", self.source, "{element}")
        made = (self.writing.floats if dtype == "float32" else self.writing.integers).format(y=old, x=new)
        whole = f"({c_type(dtype)})" if dtype != "float32" else ""
        line = f"{old} = {whole}({made});"
        return [
            f"  for (size_t i0 = 0; i0 < {self.places.whole}; ++i0) {{",
            f"    {copy}",
            "  }",
            *self.places.loops(scope, self.index, line),
        ]

    def _element(self, scope: Scope, kind: str, operand: Operand, place: str) -> str:
        if isinstance(operand, Value):
            return f"{scope.pointer(operand)}[{place if operand.size > 1 else '0'}]"
        if operand.array.ndim:
            return f"{scope.table(kind)}[{place}]"
        scope.use(*(() if np.isfinite(operand.array) else ("from_bits",)))
        return literal(float(operand.array), self.output.dtype)


def _scatter(fixed: Writing | None = None) -> Lowering:
    """Return the lowering of x.scatter(dim, index, source); the writing is fixed, or the argument `reduce` names it."""

    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        given, layout = arguments(node), layout_of(node)
        if not given.get("include_self", True) or given.get("reduce", "sum") not in REDUCTIONS:
            raise refuse(
                node, f"{node.target} with {given.get('reduce')} without the first", "sum, prod, amax or amin with include_self"
            )
        writing = fixed or REDUCTIONS[given["reduce"]]
        dim, shape = given["dim"] % len(layout.shape), layout_of_index(builder, node, given["index"])
        if dim == layout.batch:
            raise refuse(node, f"{node.target} over the batch", "another dim: samples must not mix")
        dtype = require_dtype(node, *DTYPES)
        source = _part(builder, node, given.get("src", given.get("value")), shape, dtype)
        base = _converted(builder, node, builder.operand(node, given["self"]), dtype)
        index = index_of(builder, node, given["index"])
        return _placed(builder, node, writing, (base, index, source), dim, shape)

    return lower


def layout_of_index(builder: Builder, node: torch.fx.Node, argument: Any) -> Shape:
    """Return the shape of an index whose batch is 1. Raises FerryError(FORMAT) for a constant without the batch."""
    if argument in builder.results or argument.name in builder.batched:
        return layout_of(argument).shape
    raise refuse(node, f"{node.target} by an index without the batch", "an index with the batch")


def _placed(
    builder: Builder, node: torch.fx.Node, writing: Writing, operands: tuple[Operand, Operand, Operand], dim: int, shape: Shape
) -> Value:
    """Add the step; where the index has fewer elements along other dims, on the part of the base that it reaches."""
    layout, (base, index, source) = layout_of(node), operands
    dtype = require_dtype(node, *DTYPES)
    kept = (*shape[:dim], layout.shape[dim], *shape[dim + 1 :])
    places, output = Places.along(kept, dim, shape[dim], each=True, wraps=False), Value(node.name, layout.value_shape, dtype)
    if kept == layout.shape:
        builder.nodes.append(Scatter(writing, base, index, source, places, output, module_path(node)))
        return output
    numbers = np.arange(output.size, dtype=np.int64).reshape(layout.shape)
    reached = numbers[tuple(slice(size) for size in kept)]
    from_base = np.zeros_like(reached) if _is_number(base) else reached
    part = builder.copy(node, "slice", (base,), (piece_of(0, from_base),), reached.shape, dtype, f"{node.name}_part")
    written = Value(f"{node.name}_written", part.shape, dtype)
    builder.nodes.append(Scatter(writing, part, index, source, places, written, module_path(node)))
    back = np.full(layout.shape, -1, np.int64)
    back[tuple(slice(size) for size in kept)] = np.arange(part.size).reshape(kept)
    whole = piece_of(0, np.zeros_like(numbers) if _is_number(base) else numbers)
    return builder.copy(node, "slice_scatter", (base, written), (whole, piece_of(1, back)), layout.value_shape, dtype, node.name)


def _is_number(operand: Operand) -> bool:
    return operand.size == 1 if isinstance(operand, Value) else operand.array.ndim == 0


def _converted(builder: Builder, node: torch.fx.Node, operand: Operand, dtype: DType) -> Operand:
    return builder.as_dtype(node, operand, dtype) if isinstance(operand, Value) else operand


def _part(builder: Builder, node: torch.fx.Node, argument: Any, shape: Shape, dtype: DType) -> Operand:
    """Return a source, of which an index of fewer elements along some dims takes the first ones."""
    if argument not in builder.results:
        array = builder.numbers(node, argument)
        return Constant(array[tuple(slice(size) for size in shape)].ravel() if array.ndim else array)
    value, own = builder.as_dtype(node, builder.value(node, argument), dtype), layout_of(argument).shape
    if own == shape:
        return value
    part = np.arange(value.size, dtype=np.int64).reshape(own)[tuple(slice(size) for size in shape)]
    return builder.copy(node, "slice", (value,), (piece_of(0, part),), part.shape, dtype, f"{node.name}_source")


def _put(builder: Builder, node: torch.fx.Node) -> Value:
    """Return x with others in place of x[..., index, ...]: by one condition, or by one constant index."""
    given, layout = arguments(node), layout_of(node)
    indices = [(dim, index) for dim, index in enumerate(given["indices"]) if index is not None]
    if len(indices) == 1 and indices[0][1] in builder.results and builder.results[indices[0][1]][0].dtype == "bool":
        return put_where(builder, node)
    tensor = builder.tensor(indices[0][1]) if len(indices) == 1 else None
    if tensor is None or tensor.dtype == torch.bool or indices[0][0] == layout.batch:
        raise refuse(node, f"{node.target} by indices", "one condition, or one constant index beside the batch")
    dim, dtype = indices[0][0], require_dtype(node, *DTYPES)
    places = Places.along(layout.shape, dim, tensor.numel(), each=False, wraps=True)
    shape = (*layout.shape[:dim], *tensor.shape, *layout.shape[dim + 1 :])
    source = _spread(builder, node, given["values"], shape, dtype)
    base = _converted(builder, node, builder.operand(node, given["self"]), dtype)
    output = Value(node.name, layout.value_shape, dtype)
    index = constant_index(tensor.numpy())
    writing = ADD if given.get("accumulate") else SET
    builder.nodes.append(Scatter(writing, base, index, source, places, output, module_path(node)))
    return output


def _spread(builder: Builder, node: torch.fx.Node, argument: Any, shape: Shape, dtype: DType) -> Operand:
    """Return what is written, repeated to the shape of what it is written over."""
    if argument not in builder.results:
        array = builder.numbers(node, argument)
        return Constant(array.reshape(()) if array.size == 1 else np.broadcast_to(array, shape).ravel())
    value, own = builder.as_dtype(node, builder.value(node, argument), dtype), layout_of(argument).shape
    index = np.broadcast_to(np.arange(value.size, dtype=np.int64).reshape(own), shape)
    if index.size == value.size:
        return value
    return builder.copy(node, "expand", (value,), (piece_of(0, index),), shape, dtype, f"{node.name}_source")


OPERATORS = (
    Operator(("aten.scatter.src", "aten.scatter.value"), _scatter(SET), ("scatter",)),
    Operator(("aten.scatter_add.default",), _scatter(ADD), ("scatter_add",)),
    Operator(("aten.scatter.reduce", "aten.scatter.value_reduce", "aten.scatter_reduce.two"), _scatter(), ("scatter_reduce",)),
    Operator(("aten.index_put.default", "aten.index_put_.default"), _put, ("index_add",)),
)
