"""Max and average pools of bytes [height, width, channels] in an int8 graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen.ir import OneToOne
from torchferry.cgen.lowering import Operator
from torchferry.cgen.scales import Finish, describe_finish, finish_expression, finish_sums, finish_tables, finished_dtype
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, DType, Integers, Value
from torchferry.cgen.windows import Window


def _problems(window: Window, x: Value, output: Value, expected: DType) -> Iterator[str]:
    if (x.dtype, output.dtype) != ("uint8", expected):
        yield f"{x.dtype} to {output.dtype}, expected uint8 to {expected}"
    results = window.channels * window.results[0] * window.results[1]
    if (x.size, output.size) != (window.inputs, results):
        yield f"{x.size} elements to {output.size}, expected {window.inputs} to {results}"


@dataclass(frozen=True, eq=False)
class IntegerMaxPool2d(OneToOne):
    """The largest byte inside each window."""

    x: Value
    window: Window
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from _problems(self.window, self.x, self.output, "uint8")

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the pool [N, size] of x [N, size]."""
        x = self.window.images(inputs[0], last=True)
        largest = np.zeros((len(x), self.window.channels, *self.window.results), np.uint8)
        for _, to, source in self.window.taps():
            part = largest[..., to[0], to[1]]
            np.maximum(part, x[..., source[0], source[1]], out=part)
        return (np.moveaxis(largest, 1, -1).reshape(len(x), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"int8 MaxPool2d {self.window.describe()}"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        scope.use("integer_max_pool2d")
        places = f"{scope.pointer(self.x)}, {scope.pointer(self.output)}"
        return [f"  {OWN}integer_max_pool2d({self.window.expression()}, {places});"]


@dataclass(frozen=True, eq=False)
class IntegerAvgPool2d(OneToOne):
    """sums[pixel, channel] = bias[channel] + the bytes inside each window, of which those outside of x are `zero`.

    `finish` turns the sums into the output.
    """

    x: Value
    window: Window
    zero: int
    bias: Integers
    finish: Finish
    output: Value
    label: str

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        yield from _problems(self.window, self.x, self.output, finished_dtype(self.finish))

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes or floats [N, size] of bytes [N, size]."""
        x = self.window.images(inputs[0], last=True)
        sums = np.full((len(x), self.window.channels, *self.window.results), 0, np.int64)
        for _, to, source in self.window.taps():
            sums[..., to[0], to[1]] += x[..., source[0], source[1]].astype(np.int64) - self.zero
        taps = self.window.size[0] * self.window.size[1]
        columns = np.moveaxis(sums, 1, -1).reshape(-1, self.window.channels) + taps * self.zero + self.bias
        return (finish_sums(self.finish, columns).reshape(len(x), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return ", ".join((f"int8 AvgPool2d {self.window.describe()}", *describe_finish(self.finish)))

    def tables(self) -> tuple[Table, ...]:
        """Return what makes the output of the sums."""
        return finish_tables(self.finish)

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the sums of one pixel."""
        return (Scratch("sums", "sums", self.window.channels),)

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per pixel."""
        scope.use("integer_avg_pool2d")
        pixels, channels = self.window.results[0] * self.window.results[1], self.window.channels
        numbers = f"row, {scope.number('zero', 'int32_t', self.zero)}, {scope.number('start', 'int32_t', int(self.bias[0]))}"
        return [
            f"  for (size_t row = 0; row < {pixels}; ++row) {{",
            f"    {OWN}integer_avg_pool2d({self.window.expression()}, {numbers}, {scope.pointer(self.x)}, sums);",
            f"    for (size_t j = 0; j < {channels}; ++j) {{",
            f"      {scope.pointer(self.output)}[row * {channels} + j] = {finish_expression(self.finish, scope)};",
            "    }",
            "  }",
        ]


OPERATORS: tuple[Operator, ...] = ()
