"""Elements by a computed index: gather, index_select, and indexing by one tensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.ir import Step
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops import rearrange
from torchferry.cgen.places import PROMISE, Places, arrays_of, constant_index, values_of
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope, Table, c_type, stored_as
from torchferry.cgen.values import DTYPES, Array, Constant, Operand, Value


@dataclass(frozen=True, eq=False)
class Gather(Step):
    """output[o, k, i] = x[o, index[k], i], or index[o, k, i]; x or the index may be a constant."""

    x: Operand
    index: Operand
    places: Places
    output: Value
    label: str

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""
        return values_of(self.x, self.index)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What it writes."""
        return (self.output,)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from self.places.problems(self.index)
        size = self.x.size if isinstance(self.x, Value) else self.x.array.size
        if (size, self.output.size) != (self.places.whole, self.places.picked):
            yield f"{size} elements to {self.output.size}, expected {self.places.whole} to {self.places.picked}"
        if isinstance(self.x, Value) and self.x.dtype != self.output.dtype:
            yield f"{self.x.dtype} to {self.output.dtype}, expected one dtype"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the picked elements [N, size]."""
        x, index = arrays_of((self.x, self.index), self.inputs, inputs)
        places = self.places.of(index, len(inputs[0])).reshape(len(inputs[0]), -1)
        return (np.take_along_axis(x, places, axis=1).astype(self.output.dtype),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"gather {self.places.count} of {self.places.size}"

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what becomes of an index outside."""
        del caller
        yield PROMISE

    def tables(self) -> tuple[Table, ...]:
        """Return what is constant."""
        found = []
        if isinstance(self.x, Constant):
            stored = np.float32 if self.output.dtype == "float32" else np.int64
            found.append(
                Table(
                    "elements",
                    "float" if self.output.dtype == "float32" else "int64_t",
                    self.x.array.astype(stored),
                    "one per element",
                )
            )
        if isinstance(self.index, Constant):
            found.append(Table("places", "int64_t", self.index.array.astype(np.int64), "one per place"))
        return tuple(found)

    def emit(self, scope: Scope) -> list[str]:
        """Return the loops."""
        if isinstance(self.x, Value):
            element = stored_as(self.x.dtype, f"{scope.pointer(self.x)}[{{at}}]")
        else:
            cast = "" if self.output.dtype in ("float32", "int64") else f"({c_type(self.output.dtype)})"
            element = f"{cast}{scope.table('elements')}[{{at}}]"
        return self.places.loops(scope, self.index, f"{scope.pointer(self.output)}[{{element}}] = {element};")


def _index_select(builder: Builder, node: torch.fx.Node) -> Value | tuple[Value, ...]:
    given = arguments(node)
    if given["index"] not in builder.results:
        return rearrange.lower(builder, node)
    return pick(builder, node, given["self"], given["index"], given["dim"], wraps=False)


def _index(builder: Builder, node: torch.fx.Node) -> Value | tuple[Value, ...]:
    """Return x[..., index, ...] with one index, or x[arange(N), index], which picks by an index of its own in each sample."""
    given = arguments(node)
    indices = [(dim, index) for dim, index in enumerate(given["indices"]) if index is not None]
    if not any(index in builder.results for _, index in indices):
        return rearrange.lower(builder, node)
    if len(indices) == 2 and _counts_samples(indices[0][1]) and indices[0][0] == 0 and indices[1][0] == 1:
        return _own_index(builder, node, given["self"], indices[1][1])
    if len(indices) != 1:
        raise refuse(
            node, f"{node.target} by {len(indices)} tensors that depend on an input", "one index, or the samples and one index"
        )
    return pick(builder, node, given["self"], indices[0][1], indices[0][0], wraps=True)


def _counts_samples(index: Any) -> bool:
    """Tell whether an index is arange(N) over the batch."""
    if not isinstance(index, torch.fx.Node) or not str(index.target).startswith("aten.arange"):
        return False
    ends = [argument for argument in index.args if argument != 0]
    return len(ends) == 1 and isinstance(ends[0], torch.fx.Node) and str(ends[0].target) == "aten.sym_size.int"


def _own_index(builder: Builder, node: torch.fx.Node, source: Any, index: Any) -> Value:
    """Return x[sample, index[sample]], whose index has the batch alone."""
    if layout_of(source).batch != 0 or layout_of(index).shape != (1,):
        raise refuse(node, f"{node.target} by the samples and an index", "one index for each sample")
    shape = layout_of(source).shape
    places = Places.along(shape, 1, 1, each=False, wraps=True)
    return _gathered(builder, node, builder.value(node, source), builder.value(node, index), places)


def pick(builder: Builder, node: torch.fx.Node, source: Any, index: Any, dim: int, *, wraps: bool) -> Value:
    """Return the elements of a constant table at an index with the batch. Raises FerryError(FORMAT) for another one."""
    x, tensor = builder.value(node, index), builder.tensor(source)
    if x.dtype in ("float32", "bool"):
        raise refuse(node, f"{node.target} by {x.dtype}", "an index of integers")
    if tensor is None or source.name in builder.batched:
        raise refuse(
            node, f"{node.target} of samples by the index of samples", "a constant table, or torch.gather: samples must not mix"
        )
    places = Places.along(tuple(tensor.shape), dim % tensor.ndim, x.size, each=False, wraps=wraps)
    return _gathered(builder, node, Constant(builder.numbers(node, source).ravel()), x, places)


def _gather(builder: Builder, node: torch.fx.Node) -> Value | tuple[Value, ...]:
    """Return x[index] along a dim, of an index with as many dims."""
    given = arguments(node)
    if given["index"] not in builder.results and given["self"] in builder.results and not _is_batched(builder, given["index"]):
        return rearrange.lower(builder, node)
    own, index = layout_of(given["self"]), index_of(builder, node, given["index"])
    dim = given["dim"] % len(own.shape)
    if dim == own.batch or layout_of(node).batch != own.batch:
        raise refuse(node, f"{node.target} over the batch", "another dim: samples must not mix")
    shape = layout_of(node).shape
    x, kept = builder.value(node, given["self"]), (*shape[:dim], own.shape[dim], *shape[dim + 1 :])
    if kept != own.shape:
        part = np.arange(x.size, dtype=np.int64).reshape(own.shape)[tuple(slice(size) for size in kept)]
        x = builder.copy(node, "slice", (x,), (piece_of(0, part),), part.shape, x.dtype, f"{node.name}_part")
    return _gathered(builder, node, x, index, Places.along(kept, dim, shape[dim], each=True, wraps=False))


def _is_batched(builder: Builder, argument: Any) -> bool:
    return isinstance(argument, torch.fx.Node) and argument.name in builder.batched


def index_of(builder: Builder, node: torch.fx.Node, argument: Any) -> Operand:
    """Return an index as a value or as a constant. Raises FerryError(FORMAT) for one of numbers or conditions."""
    if argument not in builder.results:
        return constant_index(builder.numbers(node, argument))
    index = builder.value(node, argument)
    if index.dtype in ("float32", "bool"):
        raise refuse(node, f"{node.target} by {index.dtype}", "an index of integers")
    return index


def _gathered(builder: Builder, node: torch.fx.Node, x: Operand, index: Operand, places: Places) -> Value:
    dtype = require_dtype(node, *DTYPES)
    x = builder.as_dtype(node, x, dtype) if isinstance(x, Value) else x
    output = Value(node.name, layout_of(node).value_shape, dtype)
    builder.nodes.append(Gather(x, index, places, output, module_path(node)))
    return output


OPERATORS = (
    Operator(("aten.gather.default",), _gather, ("gather",)),
    Operator(("aten.index_select.default",), _index_select, ("index_select",)),
    Operator(("aten.index.Tensor", "aten._unsafe_index.Tensor"), _index, ("index by one tensor",)),
)
