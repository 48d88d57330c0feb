"""Convolution over two dims: stride, zero padding, dilation, groups. `ops/convolutions.py` lowers to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from torchferry.cgen.affine import Affine, fits_float32, per_column
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.lowering import Operator
from torchferry.cgen.target import Scope, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Value
from torchferry.cgen.windows import Window


@dataclass(frozen=True, eq=False)
class Conv2d(OneToOne):
    """y = bias + x * weight, from x [channels, height, width] with weight [results, channels / groups, rows, columns].

    Each sum starts at +0 and takes the positions inside the sample in the order channel, row, column; the bias comes last. Zeros
    of the padding would change nothing: a sum that starts at +0 never is -0. Every product and every sum is rounded once.
    """

    x: Value
    window: Window
    groups: int
    weight: Doubles
    bias: Doubles
    output: Value
    label: str

    @property
    def results(self) -> int:
        """Channels of the output."""
        return len(self.weight)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "float32"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to float32"
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

    def tables(self) -> tuple[Table, ...]:
        """Return weights and bias."""
        order = "[output channel][input channel of the group][row][column]"
        return (
            Table("weights", "float", self.weight.astype(np.float32), order),
            Table("bias", "float", self.bias.astype(np.float32), "one per output channel"),
        )

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("conv2d")
        places = f"{scope.pointer(self.x)}, {scope.table('weights')}, {scope.table('bias')}, {scope.pointer(self.output)}"
        return [f"  {OWN}conv2d({self.window.expression()}, {self.results}, {self.groups}, {places});"]

    def followed_by(self, affine: Affine, output: Value) -> Conv2d | None:
        """Return scale (W * x + b) + shift; None where it would leave float32 or differ inside a channel."""
        area = self.output.size // self.results
        spread = [a if a.ndim == 0 else a.reshape(self.results, area).T.ravel() for a in (affine.scale, affine.shift)]
        scale, shift = (per_column(array, area, self.results) for array in spread)
        if scale is None or shift is None:
            return None
        weight, bias = self.weight * scale[:, None, None, None], self.bias * scale + shift
        return replace(self, weight=weight, bias=bias, output=output) if fits_float32(weight, bias) else None


OPERATORS: tuple[Operator, ...] = ()
