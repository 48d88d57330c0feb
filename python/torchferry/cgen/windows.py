"""Windows that slide over the last two dims of a sample [channels, height, width], as convolutions and pools have them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

from torchferry.cgen.text import OWN

Pair = tuple[int, int]


def pair(value: Any) -> Pair:
    """Return both numbers of an argument of one or two: the vertical first."""
    given = [value] if isinstance(value, int) else list(value)
    return (given[0], given[-1])


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

    def taps(self) -> Iterator[tuple[Pair, tuple[slice, slice], tuple[slice, slice]]]:
        """Yield, row by row, each position in the window with the results that have it inside the sample, and where it is there."""
        for row in range(self.size[0]):
            for column in range(self.size[1]):
                (to_rows, from_rows), (to_columns, from_columns) = self._reach(0, row), self._reach(1, column)
                yield (row, column), (to_rows, to_columns), (from_rows, from_columns)

    def _reach(self, axis: int, position: int) -> tuple[slice, slice]:
        offset, stride = position * self.dilation[axis] - self.padding[axis], self.stride[axis]
        first = max(0, -(offset // stride))  # the first result with result * stride + offset >= 0
        after = min(self.results[axis], (self.sample[axis] - 1 - offset) // stride + 1)
        count = max(0, after - first)
        start = first * stride + offset
        return slice(first, first + count), slice(start, start + (count - 1) * stride + 1 if count else start, stride)

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
