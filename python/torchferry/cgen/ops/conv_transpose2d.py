"""Transposed convolution over two dims: each input spreads over a window of results. `ops/convolutions.py` lowers to it."""

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
class ConvTranspose2d(Convolution):
    """y[result] = bias + sum of x * weight [channels, results / groups, rows, columns] where the windows of the inputs reach it.

    The window is that of the convolution from the output to x: `sample` is the output, `results` are x. Each sum starts at +0 and
    takes the inputs in the order channel, row of the window, column of the window; the bias comes last.
    """

    order = "[input channel][output channel of the group][row][column]"

    window: Window

    @property
    def results(self) -> int:
        """Channels of the output."""
        return int(self.weight.shape[1]) * self.groups

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from super().problems()
        w = self.window
        expected = (w.channels * w.results[0] * w.results[1], self.results * w.sample[0] * w.sample[1])
        if (self.x.size, self.output.size) != expected:
            yield f"{self.x.size} elements to {self.output.size}, expected {expected[0]} to {expected[1]}"
        if w.channels % self.groups or len(self.weight) != w.channels or self.weight.shape[2:] != w.size:
            yield f"weights {list(self.weight.shape)} for {w.channels} channels in {self.groups} groups of windows {list(w.size)}"
        if self.bias.shape != (self.results,):
            yield f"a bias of shape {list(self.bias.shape)}, expected [{self.results}]"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the transposed convolution [N, size] of x [N, size]."""
        w, count = self.window, len(inputs[0])
        x = inputs[0].reshape(count, self.groups, -1, *w.results)
        weight = self.weight.astype(np.float32).reshape(self.groups, x.shape[2], -1, *w.size)
        sums = np.zeros((count, self.groups, weight.shape[2], *w.sample), np.float32)
        for channel in range(x.shape[2]):
            for (row, column), source, to in w.taps():
                read = x[:, :, channel, source[0], source[1]][:, :, None]
                sums[..., to[0], to[1]] += weight[:, channel, :, row, column][None, :, :, None, None] * read
        sums = sums.reshape(count, self.results, -1) + self.bias.astype(np.float32)[:, None]
        return (sums.reshape(count, -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"ConvTranspose2d {self.window.channels} -> {self.results}, {self.window.describe()}{groups}"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("conv_transpose2d")
        return [f"  {OWN}conv_transpose2d({self.window.expression()}, {self.results}, {self.groups}, {self.places(scope)});"]

    def scaled(self, scale: Doubles) -> Doubles:
        """Return weights of results that are `scale` [results] times as large."""
        grouped = self.weight.reshape(self.groups, -1, *self.weight.shape[1:]) * scale.reshape(self.groups, 1, -1, 1, 1)
        return grouped.reshape(self.weight.shape)


OPERATORS: tuple[Operator, ...] = ()
