"""Convolution over two dims: stride, zero padding, dilation, groups. `ops/convolutions.py` lowers to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen.convolution import Convolution
from torchferry.cgen.lowering import Operator
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles
from torchferry.cgen.windows import Window


@dataclass(frozen=True, eq=False)
class Conv2d(Convolution):
    """y = bias + x * weight, from x [channels, height, width] with weight [results, channels / groups, rows, columns].

    Each sum starts at +0 and takes the positions inside the sample in the order channel, row, column; the bias comes last. Zeros
    of the padding would change nothing: a sum that starts at +0 never is -0. Every product and every sum is rounded once.
    """

    order = "[output channel][input channel of the group][row][column]"

    window: Window

    @property
    def results(self) -> int:
        """Channels of the output."""
        return len(self.weight)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from super().problems()
        expected = self.results * self.window.results[0] * self.window.results[1]
        if (self.x.size, self.output.size) != (self.window.inputs, expected):
            yield f"{self.x.size} elements to {self.output.size}, expected {self.window.inputs} to {expected}"
        if self.window.channels % self.groups or self.results % self.groups:
            yield f"{self.window.channels} channels to {self.results} in {self.groups} groups, expected whole groups"
        shape = (self.results, self.window.channels // self.groups, *self.window.size)
        if self.weight.shape != shape or self.bias.shape != shape[:1]:
            yield f"weights {list(self.weight.shape)} and bias {list(self.bias.shape)}, expected {list(shape)} and {[shape[0]]}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the convolution [N, size] of x [N, size]."""
        channels, weight = self.window.channels // self.groups, self.weight.astype(np.float32)
        x = inputs[0].reshape(-1, self.groups, channels, *self.window.sample)
        sums = np.zeros((len(x), self.groups, self.results // self.groups, *self.window.results), np.float32)
        grouped = weight.reshape(self.groups, -1, channels, *self.window.size)
        for channel in range(channels):
            for (row, column), to, source in self.window.taps():
                read = x[:, :, channel, source[0], source[1]][:, :, None]
                sums[..., to[0], to[1]] += grouped[:, :, channel, row, column][None, :, :, None, None] * read
        sums = sums.reshape(len(x), self.results, -1) + self.bias.astype(np.float32)[:, None]
        return (sums.reshape(len(x), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"Conv2d {self.window.channels} -> {self.results}, {self.window.describe()}{groups}"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("conv2d")
        return [f"  {OWN}conv2d({self.window.expression()}, {self.results}, {self.groups}, {self.places(scope)});"]

    @property
    def part(self) -> int | None:
        """One row of a channel."""
        return self.window.results[1]

    def emit_part(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("conv2d")
        return [f"  {OWN}conv2d_part({self.window.expression()}, {self.results}, {self.groups}, row, {self.places(scope)});"]

    def scaled(self, scale: Doubles) -> Doubles:
        """Return weights of results that are `scale` [results] times as large."""
        return self.weight * scale[:, None, None, None]


OPERATORS: tuple[Operator, ...] = ()
