"""Operators that only move elements: views, permutations, slices, concatenations, repetitions, paddings, nearest neighbours.

Torch's own operator runs once on tensors that hold the number of each of their elements, for a few samples. What it gives says
where each element comes from, and whether samples stay apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.complex_parts import of_parts
from torchferry.cgen.index_map import Piece, piece_of
from torchferry.cgen.layout import OUTER, Layout, layout_of, times_batch
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import DTYPES, Constant, Integers, Operand, Value
from torchferry.errors import FerryError

SAMPLES = 5  # a shift along the batch by a multiple of it would go unnoticed: nobody writes one by hand
FILL = 0  # the number of what is no element: padding
FILLED = {"aten.constant_pad_nd.default": "value", "aten.pad.default": "value"}


class _Numbered:
    """The sources of one operator, their elements numbered from 1 on, source after source, sample after sample."""

    def __init__(self, builder: Builder, node: torch.fx.Node) -> None:
        self._builder, self._node, self._next = builder, node, 1
        self.operands: list[Operand] = []
        self.first: list[int] = []
        self.sizes: list[int] = []

    def argument(self, argument: torch.fx.Node) -> Any:
        """Return what the operator gets in place of an argument: numbers, a constant of indices, or a size."""
        if argument in self._builder.results:
            value = self._builder.results[argument][0]
            return self._number(value, value.size, layout_of(argument))
        constant = self._builder.constants.get(argument.name)
        if constant is None:
            return self._size(argument)
        if argument.name in self._builder.batched:
            numbers = self._builder.numbers(self._node, argument)
            return self._number(Constant(numbers.ravel()), numbers.size, layout_of(argument))
        if constant.dtype in (torch.int64, torch.int32, torch.bool):
            return constant
        raise refuse(self._node, f"{argument} as a constant in {self._node.target}", "a value that depends on an input")

    def _size(self, argument: torch.fx.Node) -> int:
        """Return a size that the batch decides, for the samples that are numbered. Raises FerryError(FORMAT) for anything else."""
        value = argument.meta["val"]
        times = times_batch(value) if isinstance(value, torch.SymInt) else None
        if times is None:
            raise refuse(self._node, f"{argument} in {self._node.target}", "no values that are made of the batch's size")
        return times * SAMPLES

    def _number(self, operand: Operand, size: int, layout: Layout) -> torch.Tensor:
        labels = np.arange(SAMPLES * size, dtype=np.float64).reshape(SAMPLES, size) + self._next
        self.operands.append(operand)
        self.first.append(self._next)
        self.sizes.append(size)
        self._next += SAMPLES * size
        return torch.from_numpy(np.ascontiguousarray(layout.merged(labels)))

    def pieces(self, labels: torch.Tensor, layout: Layout, source_fill: int) -> tuple[Piece, ...]:
        """Return where the elements of a result come from. Raises FerryError(FORMAT) where samples mix."""
        numbers = labels.detach().numpy().astype(np.int64)
        if numbers.shape != layout.with_batch(SAMPLES):
            raise self._mixing()
        per_sample = layout.split(numbers, SAMPLES)
        found = []
        filled = per_sample == FILL
        if filled[0].any():
            found.append(piece_of(source_fill, np.zeros(layout.shape, np.int64)))
        for source, (first, size) in enumerate(zip(self.first, self.sizes, strict=True)):
            index = per_sample - first - np.arange(SAMPLES)[:, None] * size
            inside = (per_sample >= first) & (per_sample < first + SAMPLES * size)
            if bool((inside != inside[0]).any()) or bool((index[:, inside[0]] != index[0, inside[0]]).any()):
                raise self._mixing()
            if bool(((index < 0) | (index >= size))[inside].any()):
                raise self._mixing()
            if inside[0].any():
                found.append(piece_of(source, np.where(inside[0], index[0], -1).reshape(layout.shape)))
        return tuple(found)

    def _mixing(self) -> Exception:
        return refuse(self._node, f"{self._node.target} over the batch", "another dim: samples must not mix")


def lower(builder: Builder, node: torch.fx.Node) -> Value | tuple[Value, ...]:
    """Return copies of what the operator moves. Raises FerryError(FORMAT) where samples would mix."""
    numbered = _Numbered(builder, node)
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), numbered.argument)
    fill = 0.0
    name = str(node.target)
    if name in FILLED:
        args, kwargs, fill = _without_fill(node, args, kwargs)
    assert callable(node.target)
    result = node.target(*args, **kwargs)
    several = isinstance(result, tuple | list)
    made = [
        _result(builder, node, numbered, labels, index if several else None, fill)
        for index, labels in enumerate(result if several else [result])
    ]
    return tuple(made) if several else made[0]


def _without_fill(node: torch.fx.Node, args: Any, kwargs: Any) -> tuple[Any, Any, float]:
    given = arguments(node)
    value = given["value"]
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    merged = {**dict(zip(names, args, strict=False)), **kwargs}
    if given.get("mode", "constant") == "constant":
        merged["value"] = FILL
    return (), merged, 0.0 if value is None else float(value)


def _result(
    builder: Builder, node: torch.fx.Node, numbered: _Numbered, labels: torch.Tensor, index: int | None, fill: float
) -> Value:
    operands = [*numbered.operands, Constant(np.asarray(np.float32(fill), dtype=np.float64))]
    layout, pieces = _placed(node, numbered, labels, index)
    whole = _is_whole(operands, pieces, math.prod(layout.shape))
    if whole is not None:
        return whole
    dtype = require_dtype(node, *DTYPES)
    sources, pieces = _used(builder, node, operands, pieces, dtype == "float32")
    name = node.name if index is None else f"{node.name}_{index}"
    word = str(node.target).split(".")[1].strip("_")
    return builder.copy(node, word, sources, pieces, layout.value_shape, dtype, name)


def _placed(
    node: torch.fx.Node, numbered: _Numbered, labels: torch.Tensor, index: int | None
) -> tuple[Layout, tuple[Piece, ...]]:
    """Return where elements come from, in the layout that keeps samples apart. Raises FerryError(FORMAT) where there is none."""
    found = layout_of(node, index)
    size = found.shape[found.batch]
    problem: Exception | None = None
    for outer in (divisor for divisor in range(1, size + 1) if size % divisor == 0):
        layout = replace(found, outer=outer)
        try:
            pieces = numbered.pieces(labels, layout, len(numbered.operands))
        except FerryError as error:
            problem = problem or error
            continue
        node.meta[OUTER] = outer
        return layout, pieces
    assert problem is not None, "1 divides every number"
    raise problem


def _is_whole(operands: Sequence[Operand], pieces: tuple[Piece, ...], size: int) -> Value | None:
    """Return the source whose elements are the result in their order."""
    if len(pieces) != 1:
        return None
    source = operands[pieces[0].source]
    same: Integers = np.arange(size)
    whole = isinstance(source, Value) and source.size == size and bool((pieces[0].sources == same).all())
    return source if whole and isinstance(source, Value) and bool((pieces[0].targets == same).all()) else None


def _used(
    builder: Builder, node: torch.fx.Node, operands: Sequence[Operand], pieces: tuple[Piece, ...], as_floats: bool
) -> tuple[tuple[Operand, ...], tuple[Piece, ...]]:
    """Return the sources that some piece reads, in one dtype, and the pieces with their new numbers."""
    kept = list(dict.fromkeys(piece.source for piece in pieces))
    sources = [operands[number] for number in kept]
    if as_floats:
        sources = [builder.as_float(node, source) if isinstance(source, Value) else source for source in sources]
    renumbered = tuple(Piece(kept.index(p.source), p.target, p.start, p.axes) for p in pieces)
    return tuple(sources), renumbered


def _slice_scatter(builder: Builder, node: torch.fx.Node) -> Value:
    """Return the first argument with the second in place of a part."""
    numbered = _Numbered(builder, node)
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), numbered.argument)
    assert callable(node.target)
    layout = layout_of(node)
    pieces = numbered.pieces(node.target(*args, **kwargs), layout, len(numbered.operands))
    whole = piece_of(0, np.arange(math.prod(layout.shape)).reshape(layout.shape))
    dtype = require_dtype(node, *DTYPES)
    sources, pieces = _used(
        builder, node, numbered.operands, (whole, *(piece for piece in pieces if piece.source)), dtype == "float32"
    )
    return builder.copy(node, "slice_scatter", sources, pieces, layout.value_shape, dtype, node.name)


def _copy(builder: Builder, node: torch.fx.Node) -> Value:
    """Return the second argument in the shape and dtype of the first."""
    operand, layout = builder.operand(node, node.args[1]), layout_of(node)
    dtype = require_dtype(node, *DTYPES)
    if isinstance(operand, Value) and dtype == "float32":
        operand = builder.as_float(node, operand)
    size = math.prod(layout.shape)
    if isinstance(operand, Value) and operand.size == size:
        return operand
    one = isinstance(operand, Value) or not operand.array.ndim
    places = np.zeros(size, np.int64) if one else np.arange(size)
    return builder.copy(node, "copy", (operand,), (piece_of(0, places),), layout.value_shape, dtype, node.name)


_DEFAULT = (
    "view reshape _unsafe_view contiguous clone detach alias lift_fresh_copy unsqueeze permute t expand repeat flip roll "
    "cat stack constant_pad_nd pad reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
    "replication_pad3d _reshape_alias pixel_shuffle pixel_unshuffle channel_shuffle split_with_sizes unfold rot90 tile broadcast_to "
    "diagonal tril triu im2col upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d narrow"
)
_OVERLOADS = (
    "flatten.using_ints squeeze.default squeeze.dim squeeze.dims unflatten.int transpose.int slice.Tensor select.int split.Tensor "
    "unbind.int repeat_interleave.self_int movedim.intlist swapaxes.default chunk.default "
    "upsample_nearest1d.vec upsample_nearest2d.vec upsample_nearest3d.vec _upsample_nearest_exact1d.vec "
    "_upsample_nearest_exact2d.vec _upsample_nearest_exact3d.vec"
)
_WORDS = (
    *("Flatten", "reshape", "squeeze", "permute", "transpose", "slice", "select", "cat", "stack", "split", "chunk", "unbind"),
    *("expand", "repeat", "flip", "roll", "pad", "Upsample", "PixelShuffle", "index by constants"),
)
_NAMES = (*(f"aten.{name}.default" for name in _DEFAULT.split()), *(f"aten.{name}" for name in _OVERLOADS.split()))
OF_COMPLEX = (Operator(_NAMES, of_parts(lower)),)
OPERATORS = (
    Operator(_NAMES, lower, _WORDS),
    Operator(("aten.slice_scatter.default", "aten.select_scatter.default"), _slice_scatter),
    Operator(("aten.copy.default",), _copy),
)
