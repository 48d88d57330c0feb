"""Elements at computed places along one axis: what reading and writing by index share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Constant, Integers, Operand, Value

PROMISE = "An index outside of what it picks from counts as the nearest one inside."


@dataclass(frozen=True)
class Places:
    """`count` places along an axis of `size` elements, for an array [outer, size, inner].

    `each`: the index is [outer, count, inner], one for each element; else [count]. `wraps`: -1 is the last place, as in Python.
    """

    outer: int
    size: int
    inner: int
    count: int
    each: bool
    wraps: bool

    @property
    def whole(self) -> int:
        """Elements of the array."""
        return self.outer * self.size * self.inner

    @property
    def picked(self) -> int:
        """Elements at the places."""
        return self.outer * self.count * self.inner

    def problems(self, index: Operand) -> Iterator[str]:
        """Yield what is wrong with an index."""
        size = index.size if isinstance(index, Value) else index.array.size
        if isinstance(index, Value) and index.dtype in ("float32", "bool"):
            yield f"an index of {index.dtype}"
        if size != (self.picked if self.each else self.count):
            yield f"an index of {size} elements for {self.picked if self.each else self.count} places"

    def of(self, index: Array, samples: int) -> Integers:
        """Return the place of each picked element [samples, outer, count, inner] in an array [outer, size, inner] of a sample."""
        index = index.astype(np.int64)
        if self.wraps:
            index = np.where(index < 0, index + self.size, index)
        inside = np.clip(index, 0, self.size - 1)
        shape = (-1, self.outer, self.count, self.inner) if self.each else (-1, 1, self.count, 1)
        outer, inner = np.arange(self.outer)[:, None, None] * self.size, np.arange(self.inner)
        places = (outer + inside.reshape(shape)) * self.inner + inner
        return np.broadcast_to(places, (samples, self.outer, self.count, self.inner))

    def loops(self, scope: Scope, index: Operand, line: str) -> list[str]:
        """Return `line` inside loops over all elements; `{at}` in it is the place in the array, `{element}` that of the picked one."""
        scope.use("place")
        element = f"(i0 * {self.count} + i1) * {self.inner} + i2"
        read = scope.pointer(index) if isinstance(index, Value) else scope.table("places")
        place = f"{OWN}place({read}[{element if self.each else 'i1'}], {self.size}, {int(self.wraps)})"
        body = line.replace("{at}", f"(i0 * {self.size} + {place}) * {self.inner} + i2").replace("{element}", element)
        heads = [
            f"{'  ' * (d + 1)}for (size_t i{d} = 0; i{d} < {n}; ++i{d}) {{"
            for d, n in enumerate((self.outer, self.count, self.inner))
        ]
        return [*heads, f"        {body}", "    }", "  }", "  }"]

    @classmethod
    def along(cls, shape: tuple[int, ...], dim: int, count: int, *, each: bool, wraps: bool) -> Places:
        """Return `count` places along a dim of an array of any shape."""
        return cls(math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :]), count, each, wraps)


def arrays_of(operands: Sequence[Operand], values: Sequence[Value], inputs: Sequence[Array]) -> list[Array]:
    """Return an array [N, size] for each operand: of `inputs`, which belong to `values`, or its constant for all samples."""
    given, samples = dict(zip(values, inputs, strict=True)), len(inputs[0])
    return [
        given[operand] if isinstance(operand, Value) else np.broadcast_to(operand.array.ravel(), (samples, operand.array.size))
        for operand in operands
    ]


def values_of(*operands: Operand) -> tuple[Value, ...]:
    """Return the operands that are no constants, each once."""
    return tuple(dict.fromkeys(operand for operand in operands if isinstance(operand, Value)))


def constant_index(array: Array) -> Constant:
    """Return an index of any shape that no input changes."""
    return Constant(array.astype(np.float64).ravel())
