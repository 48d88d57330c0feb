"""Where the batch stands in the tensors of a trace: samples never mix, so one sample is every tensor with a batch of 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.fx

from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Array, Shape

OUTER = "torchferry_outer"  # where a node of the trace keeps `Layout.outer`


@dataclass(frozen=True)
class Layout:
    """`shape` of a tensor whose batch is 1, and the dim that is the batch, or the batch times a fixed number.

    `outer`: the part of that number that lies outside of the batch, 1 where the batch is the outermost part of its dim.
    """

    shape: Shape
    batch: int
    outer: int = 1

    @property
    def value_shape(self) -> Shape:
        """The shape of a sample: without the batch where that alone is the first dim."""
        return self.shape[1:] if self.batch == 0 and self.shape[0] == 1 else self.shape

    def with_batch(self, count: int) -> Shape:
        """Return the shape of `count` samples."""
        return (*self.shape[: self.batch], count * self.shape[self.batch], *self.shape[self.batch + 1 :])

    @property
    def _before(self) -> int:
        return math.prod(self.shape[: self.batch]) * self.outer

    def merged(self, samples: Array) -> Array:
        """Return one array in the layout [shape] of samples [count, size]."""
        count = len(samples)
        return samples.reshape(count, self._before, -1).swapaxes(0, 1).reshape(self.with_batch(count))

    def split(self, array: Array, count: int) -> Array:
        """Return samples [count, size] of an array in the layout."""
        return array.reshape(self._before, count, -1).swapaxes(0, 1).reshape(count, -1)


def first_result(node: torch.fx.Node) -> torch.Tensor:
    """Return what a node gives, in the shape and dtype of the trace; the first of several results."""
    result = node.meta["val"]
    return cast(torch.Tensor, result[0] if isinstance(result, tuple | list) else result)


def layout_of(node: torch.fx.Node, index: int | None = None) -> Layout:
    """Return the layout of a node's result, of several that at `index`. Raises FerryError(FORMAT) where it has none."""
    result = first_result(node) if index is None else node.meta["val"][index]
    shape = tuple(result.shape)
    dims = [dim if isinstance(dim, int) else times_batch(dim) for dim in shape]
    batches = [place for place, dim in enumerate(shape) if not isinstance(dim, int)]
    text = f"shape [{', '.join(map(str, shape))}]"
    if len(batches) != 1 or None in dims:
        raise refuse(node, text, "the batch alone as its first dim: samples must not mix")
    if 0 in dims:
        raise refuse(node, text, "fixed dims above 0 after the batch")
    place, sizes = batches[0], tuple(cast(list[int], dims))
    outer = int(node.meta.get(OUTER, 1))
    return Layout(sizes, place, outer if sizes[place] % outer == 0 else 1)


def inherit(node: torch.fx.Node) -> None:
    """Take over from the node's arguments how a dim is made of the batch and a number: operators keep it unless they move elements."""
    for argument in node.all_input_nodes:
        if OUTER in argument.meta:
            node.meta[OUTER] = argument.meta[OUTER]


def times_batch(number: Any) -> int | None:
    """Return k of a symbolic number that is k times the batch; None where it is another."""
    factor, symbol = number.node.expr.as_coeff_Mul()
    return int(factor) if symbol.is_symbol and factor.is_integer else None


def sample_shape(node: torch.fx.Node) -> Shape:
    """Return the shape of a node without its batch. Raises FerryError(FORMAT) where the batch is not the first dim and the only symbol."""
    layout = layout_of(node)
    if layout.batch != 0 or layout.shape[0] != 1:
        shape = ", ".join(map(str, first_result(node).shape))
        raise refuse(node, f"shape [{shape}]", "the batch alone as its first dim: samples must not mix")
    return layout.shape[1:]
