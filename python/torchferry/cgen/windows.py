"""Windows that slide over the last two dims of a sample [channels, height, width], as convolutions and pools have them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array

Pair = tuple[int, int]


def pair(value: Any) -> Pair:
    """Return both numbers of an argument of one or two: the vertical first."""
    given = [value] if isinstance(value, int) else list(value)
    return (given[0], given[-1])


def per_dim(value: Any, rank: int) -> tuple[int, ...]:
    """Return one number per dim of an argument of one number, of one for all dims, or of one for each."""
    given = [value] if isinstance(value, int) else list(value)
    return tuple(given) if len(given) == rank else (given[0],) * rank


def plane(numbers: tuple[int, ...], missing: int = 1) -> Pair:
    """Return numbers of one or two dims as of two: of one dim there is one row."""
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (missing, numbers[0])


def reach(results: int, sample: int, offset: int, stride: int) -> tuple[slice, slice]:
    """Return the results r along one axis for which r * stride + offset is inside the sample, and where these places are."""
    first = max(0, -(offset // stride))
    after = min(results, (sample - 1 - offset) // stride + 1)
    count = max(0, after - first)
    start = first * stride + offset
    return slice(first, first + count), slice(start, start + (count - 1) * stride + 1 if count else start, stride)


@dataclass(frozen=True)
class Window:
    """The sizes of one operator; each pair is vertical, horizontal. Positions outside the sample are left out.

    The fields are in the order of `model_window` in kernels/window.c. `padding`: above and to the left; below and to the right
    there is as much as `results` asks for.
    """

    channels: int
    sample: Pair
    results: Pair
    size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    @property
    def inputs(self) -> int:
        """Elements of a sample."""
        return self.channels * math.prod(self.sample)

    @property
    def line(self) -> int:
        """Columns that the windows of one row of results reach."""
        return (self.results[1] - 1) * self.stride[1] + (self.size[1] - 1) * self.dilation[1] + 1

    @property
    def is_inside(self) -> bool:
        """Whether every position of every window lies inside the sample."""
        ends = [(self.results[a] - 1) * self.stride[a] + (self.size[a] - 1) * self.dilation[a] for a in (0, 1)]
        return self.padding == (0, 0) and all(end < size for end, size in zip(ends, self.sample, strict=True))

    def as_one_row(self) -> Window:
        """Return a window with the same results in one row, where each reads the element at its own place; else this one."""
        if self.size != (1, 1) or self.stride != (1, 1) or self.sample != self.results:
            return self
        return replace(self, sample=(1, math.prod(self.sample)), results=(1, math.prod(self.results)))

    def images(self, x: Array, *, last: bool) -> Array:
        """Return samples [N, size] as [N, channels, height, width]; `last`: they are [height, width, channels]."""
        if not last:
            return x.reshape(-1, self.channels, *self.sample)
        return np.moveaxis(x.reshape(-1, *self.sample, self.channels), -1, 1)

    def taps(self) -> Iterator[tuple[Pair, tuple[slice, slice], tuple[slice, slice]]]:
        """Yield, row by row, each position in the window with the results that have it inside the sample, and where it is there."""
        for row in range(self.size[0]):
            for column in range(self.size[1]):
                (to_rows, from_rows), (to_columns, from_columns) = self._reach(0, row), self._reach(1, column)
                yield (row, column), (to_rows, to_columns), (from_rows, from_columns)

    def _reach(self, axis: int, position: int) -> tuple[slice, slice]:
        offset = position * self.dilation[axis] - self.padding[axis]
        return reach(self.results[axis], self.sample[axis], offset, self.stride[axis])

    def expression(self) -> str:
        """Return the C expression of a pointer to it."""
        numbers = ", ".join(str(field) if isinstance(field, int) else f"{{{field[0]}, {field[1]}}}" for field in astuple(self))
        return f"&(const {OWN}window){{{numbers}}}"

    def describe(self) -> str:
        """Return what differs from a plain window of its size: `3x3, stride 2x2, padding 1x1`."""
        texts = [f"{self.size[0]}x{self.size[1]}"]
        for name, value, plain in (("stride", self.stride, 1), ("padding", self.padding, 0), ("dilation", self.dilation, 1)):
            texts += [f"{name} {value[0]}x{value[1]}"] if value != (plain, plain) else []
        return ", ".join(texts)
