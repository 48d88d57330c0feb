"""Convolution over three dims. `ops/convolutions.py` lowers to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from torchferry.cgen.affine import Affine
from torchferry.cgen.convolution import Convolution
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.conv2d import Conv2d
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Shape, Value
from torchferry.cgen.windows import Window, reach


@dataclass(frozen=True, eq=False)
class Conv3d(Convolution):
    """y = bias + x * weight, from x [channels, depth, height, width] with weight [results, channels / groups, size].

    Each sum starts at +0 and takes the positions inside the sample in the order depth, row, column, channel; the bias comes last.
    So it is a convolution over two dims whose windows have the rows of every depth, and has the kernels of these.
    """

    order = "of each group [depth][row][column][input channel][output channel]"

    shape: Shape
    stride: Shape
    padding: Shape
    dilation: Shape

    @property
    def results(self) -> int:
        """Channels of the output."""
        return len(self.weight)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from super().problems()
        if self.x.size != math.prod(self.shape) or self.output.shape[:1] != (self.results,) or len(self.output.shape) != 4:
            yield f"shapes {list(self.shape)} to {list(self.output.shape)}, expected {self.x.size} elements to {self.results} channels"
        if self.shape[0] % self.groups or self.results % self.groups or self.weight.shape[1] * self.groups != self.shape[0]:
            yield f"weights {list(self.weight.shape)} for {self.shape[0]} channels in {self.groups} groups"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the convolution [N, size] of x [N, size]."""
        count, channels = len(inputs[0]), self.shape[0] // self.groups
        x = inputs[0].reshape(count, self.groups, channels, *self.shape[1:])
        weight = self.weight.astype(np.float32).reshape(self.groups, -1, channels, *self.weight.shape[2:])
        sums = np.zeros((count, self.groups, weight.shape[1], *self.output.shape[1:]), np.float32)
        for tap in product(*(range(size) for size in self.weight.shape[2:])):
            (d, depths), (k, rows), (m, columns) = (self._reach(axis, position) for axis, position in enumerate(tap))
            for channel in range(channels):
                read = x[:, :, channel, depths, rows, columns][:, :, None]
                sums[..., d, k, m] += weight[:, :, channel, tap[0], tap[1], tap[2]][None, :, :, None, None, None] * read
        sums = sums.reshape(count, self.results, -1) + self.bias.astype(np.float32)[:, None]
        return (sums.reshape(count, -1),)

    def _reach(self, axis: int, position: int) -> tuple[slice, slice]:
        offset = position * self.dilation[axis] - self.padding[axis]
        return reach(self.output.shape[axis + 1], self.shape[axis + 1], offset, self.stride[axis])

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"Conv3d {self.shape[0]} -> {self.results}, {'x'.join(str(size) for size in self.weight.shape[2:])}"

    @property
    def _flat(self) -> Conv2d:
        """The convolution over two dims of one line of results, from lines beside each other."""
        results, sample, size = self.output.shape[1:], self.shape[1:], self.weight.shape[2:]
        window = Window(
            self.shape[0],
            (sample[0] * sample[1], sample[2]),
            (results[0] * results[1], results[2]),
            (size[0] * size[1], size[2]),
            (1, self.stride[2]),
            (0, self.padding[2]),
            (1, self.dilation[2]),
        )
        weight = self.weight.reshape(*self.weight.shape[:2], *window.size)
        return Conv2d(self.x, self.groups, weight, self.bias, self.output, self.label, window)

    def tables(self) -> tuple[Table, ...]:
        """Return weights and bias as the kernels of convolutions over two dims read them."""
        return tuple(replace(table, comment=table.comment.replace("[row]", "[depth][row]")) for table in self._flat.tables())

    def scratch(self) -> tuple[Scratch, ...]:
        """Return the lines that the windows of a line of results read, with their padding, and that line."""
        return self._flat.scratch()

    def emit(self, scope: Scope) -> list[str]:
        """Return the calls for each line of results."""
        scope.use("conv3d", "line_to_planes")
        flat = self._flat
        window, pairs = flat.window.expression(), (self.weight.shape[2:], self.stride, self.padding, self.dilation)
        numbers = ", ".join(f"{{{pair[0]}, {pair[1]}}}" for pair in pairs)
        volume = f"&(const {OWN}volume){{{self.shape[2]}, {self.output.shape[2]}, {numbers}}}"
        return [
            f"  for (size_t at = 0; at < {flat.window.results[0]}; ++at) {{",
            f"    {OWN}fill_volume({window}, {volume}, at, {scope.pointer(self.x)}, lines);",
            f"  {flat.line_call(scope, flat.window, '0', 'lines', 'line')}",
            f"    {OWN}line_to_planes({window}, {self.results}, at, line, {scope.pointer(self.output)});",
            "  }",
        ]

    def scaled(self, scale: Doubles) -> Doubles:
        """Return weights of results that are `scale` [results] times as large."""
        return self.weight * scale[:, None, None, None, None]

    def followed_by(self, affine: Affine, output: Value) -> Convolution | None:
        """Return scale y + shift; None also where the output would have another shape, in which the sizes of the call stand."""
        return super().followed_by(affine, output) if output.shape == self.output.shape else None


OPERATORS: tuple[Operator, ...] = ()
