"""Convolution over three dims. `ops/convolutions.py` lowers to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from torchferry.cgen.affine import Affine
from torchferry.cgen.convolution import Convolution
from torchferry.cgen.lowering import Operator
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Shape, Value
from torchferry.cgen.windows import reach


@dataclass(frozen=True, eq=False)
class Conv3d(Convolution):
    """y = bias + x * weight, from x [channels, depth, height, width] with weight [results, channels / groups, size].

    Each sum starts at +0 and takes the positions inside the sample in the order channel, depth, row, column; the bias comes last.
    """

    order = "[output channel][input channel of the group][depth][row][column]"

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
        for channel in range(channels):
            for tap in product(*(range(size) for size in self.weight.shape[2:])):
                (d, depths), (k, rows), (m, columns) = (self._reach(axis, position) for axis, position in enumerate(tap))
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

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("conv3d")
        sizes = (self.shape[1:], self.output.shape[1:], self.weight.shape[2:], self.stride, self.padding, self.dilation)
        triples = ", ".join(f"{{{', '.join(str(number) for number in numbers)}}}" for numbers in sizes)
        volume = f"&(const {OWN}volume){{{self.shape[0]}, {triples}}}"
        return [f"  {OWN}conv3d({volume}, {self.results}, {self.groups}, {self.places(scope)});"]

    def scaled(self, scale: Doubles) -> Doubles:
        """Return weights of results that are `scale` [results] times as large."""
        return self.weight * scale[:, None, None, None, None]

    def followed_by(self, affine: Affine, output: Value) -> Convolution | None:
        """Return scale y + shift; None also where the output would have another shape, in which the sizes of the call stand."""
        return super().followed_by(affine, output) if output.shape == self.output.shape else None


OPERATORS: tuple[Operator, ...] = ()
