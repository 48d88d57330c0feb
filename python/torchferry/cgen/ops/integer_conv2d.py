"""Convolutions of an int8 graph: exact sums of bytes times signed bytes, which become bytes again tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from torchferry.cgen.ir import OneToOne
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.integer_linear import GROUP, NOTES
from torchferry.cgen.packing import PANEL_COMMENTS, in_panels, padded
from torchferry.cgen.scales import (
    Finish,
    ToBytes,
    describe_finish,
    finish_sums,
    finish_tables,
    finished_dtype,
    finished_rows,
    step_pointer,
)
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Integers, Value
from torchferry.cgen.windows import Window

SLACK = GROUP - 1  # bytes behind a line, which a run whose end is no whole group reads; their weights are 0


@dataclass(frozen=True, eq=False)
class IntegerConv2d(OneToOne):
    """sums = bias + x * weight of bytes x and int8 weights [results, channels / groups, rows, columns]; `finish` makes the output.

    Where the padding is, x is `zero`. `x_last`, `y_last`: x and y are [height, width, channels].
    """

    x: Value
    window: Window
    groups: int
    zero: int
    weight: Integers
    bias: Integers
    finish: Finish
    output: Value
    label: str
    x_last: bool = False
    y_last: bool = False

    notes: ClassVar[tuple[str, ...]] = NOTES

    @property
    def results(self) -> int:
        """Channels of the output."""
        return len(self.weight)

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel of x gives one of y."""
        return self.groups == self.window.channels == self.results > 1

    @property
    def run(self) -> int:
        """Neighbours of a line that belong to one group and one window, or to one position of it."""
        channels = self.window.channels // self.groups
        return channels * self.window.size[1] if self.is_joined else channels

    @property
    def is_joined(self) -> bool:
        """Whether a row of a window is one run."""
        return self.groups == 1 and self.window.dilation[1] == 1

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        expected = finished_dtype(self.finish)
        if (self.x.dtype, self.output.dtype) != ("uint8", expected):
            yield f"{self.x.dtype} to {self.output.dtype}, expected uint8 to {expected}"
        if not 0 <= self.zero <= 255:
            yield f"padding of {self.zero}, expected a byte"
        yield from self.shape_problems()

    def shape_problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes."""
        size = self.results * self.window.results[0] * self.window.results[1]
        if (self.x.size, self.output.size) != (self.window.inputs, size):
            yield f"{self.x.size} elements to {self.output.size}, expected {self.window.inputs} to {size}"
        shape = (self.results, self.window.channels // self.groups, *self.window.size)
        if self.weight.shape != shape or self.bias.shape != shape[:1]:
            yield f"weights {list(self.weight.shape)} and bias {list(self.bias.shape)}, expected {list(shape)} and {[shape[0]]}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes or floats [N, size] of bytes [N, size]."""
        channels, (height, width) = self.window.channels // self.groups, self.window.results
        x = self.window.images(inputs[0], last=self.x_last).astype(np.float64) - self.zero  # beyond x there is nothing to add
        x = x.reshape(len(x), self.groups, channels, *self.window.sample)
        weight = self.weight.astype(np.float64).reshape(self.groups, -1, channels, *self.window.size)
        # In float64 and so in BLAS: sums below 2^53 are exact whatever their order.
        sums = np.zeros((len(x), self.groups, weight.shape[1], height, width))
        for (row, column), to, source in self.window.taps():
            read = x[..., source[0], source[1]]
            taps = weight[..., row, column]
            if channels == 1:
                sums[..., to[0], to[1]] += taps[None, :, :, :, None] * read
            else:
                flat = read.reshape(*read.shape[:3], -1)
                sums[..., to[0], to[1]] += (taps @ flat).reshape(len(x), self.groups, weight.shape[1], *read.shape[3:])
        at_zero = self.zero * self.weight.reshape(self.results, -1).sum(axis=1)
        products = np.moveaxis(sums.reshape(len(x), self.results, -1), 1, -1).astype(np.int64) + at_zero
        columns = self.with_bias(products)
        made = finish_sums(self.finish, columns.reshape(-1, self.results)).reshape(columns.shape)
        return ((made if self.y_last else made.swapaxes(1, 2)).reshape(len(x), -1),)

    def with_bias(self, products: Integers) -> Integers:
        """Return the sums [..., results] of exact sums of products [..., results] and the bias."""
        return products + self.bias

    def describe(self) -> str:
        """Name it for the list of layers."""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        text = f"int8 Conv2d {self.window.channels} -> {self.results}, {self.window.describe()}{groups}"
        return ", ".join((text, *describe_finish(self.finish)))

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what becomes of numbers that the calibration did not see."""
        del caller
        yield "What is beyond the range of the calibration data saturates."

    # ---- C ----

    def tables(self) -> tuple[Table, ...]:
        """Return the weights as the kernels read them, the bias, and what makes the output of the sums."""
        return self._tables

    @cached_property
    def _tables(self) -> tuple[Table, ...]:
        steps = "one per output channel, in steps of the sum, with what the zero of the inputs adds"
        if self.is_depthwise:
            taps = self.weight.astype(np.int8).reshape(self.results, -1).T
            bias = Table("bias", "int32_t", self.bias.astype(np.int32), steps)
            return (Table("weights", "int8_t", taps, "[row][column][channel]"), bias, *finish_tables(self.finish))
        wide, narrow = self._panels()
        biases = np.concatenate([padded(group) for group in self.bias.astype(np.int32).reshape(self.groups, -1)])
        comments = [f"of each group [row][run] {comment}" for comment in PANEL_COMMENTS["four inputs"]]
        return (
            Table("wide", "int8_t", wide, comments[0]),
            Table("narrow", "int8_t", narrow, comments[1]),
            Table("bias", "int32_t", biases, steps),
            *finish_tables(self.finish),
        )

    def _panels(self) -> tuple[Array, Array]:
        """Return the wide and the narrow part of the weights, group after group, their runs filled with zeros to whole groups."""
        weight = self.weight.astype(np.int8).reshape(self.groups, -1, *self.weight.shape[1:]).transpose(0, 3, 4, 2, 1)
        runs = weight.reshape(self.groups, -1, self.run, weight.shape[-1])
        filled = np.pad(runs, ((0, 0), (0, 0), (0, -self.run % GROUP), (0, 0)))
        fours = filled.reshape(self.groups, -1, GROUP, filled.shape[-1]).swapaxes(2, 3)
        panels = [in_panels(group) for group in fours]
        wide, narrow = (np.concatenate([pair[i] for pair in panels]) for i in (0, 1))
        return wide, narrow

    @property
    def _is_direct(self) -> bool:
        """Whether windows can read x itself: its channels are last, all windows lie inside of it, and all runs are whole groups."""
        return self.x_last and self.window.is_inside and (self.is_depthwise or self.run % GROUP == 0)

    @property
    def _keeps_sums(self) -> bool:
        """Whether the sums of a row are kept: what is no plain fixed-point step is a loop over them."""
        return not self.y_last or not isinstance(self.finish, ToBytes) or len(self.finish.table) > 0

    def scratch(self) -> tuple[Scratch, ...]:
        """Return the rows that windows read, with their padding, room for the inputs of two pixels, and the sums of a row."""
        window = self.window
        line = -(-(window.line * window.channels + SLACK) // GROUP) * GROUP
        lines = () if self._is_direct else (Scratch("lines", "bytes", window.size[0] * line),)
        patch = () if self.is_depthwise else (Scratch("patch", "sums", 4 * self._fours),)
        sums = (Scratch("sums", "sums", window.results[1] * self.results),) if self._keeps_sums else ()
        return (*lines, *patch, *sums)

    @property
    def _fours(self) -> int:
        """Groups of four inputs of a sum."""
        runs = self.window.size[0] * (1 if self.is_joined else self.window.size[1])
        return runs * -(-self.run // GROUP)

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row; of windows of one position all pixels are one row."""
        window = self.window.as_one_row() if self._is_direct and not self._keeps_sums else self.window
        if window.results[0] == 1:
            return self._row(scope, window, "0")
        return [
            f"  for (size_t row = 0; row < {window.results[0]}; ++row) {{",
            *(f"  {line}" for line in self._row(scope, window, "row")),
            "  }",
        ]

    def _row(self, scope: Scope, window: Window, row: str) -> list[str]:
        at, source, lines = window.expression(), scope.pointer(self.x), []
        kernel = "integer_depthwise2d" if self.is_depthwise else "integer_conv2d"
        scope.use(kernel, "requantise")
        if not self._is_direct:
            scope.use("fill_byte_lines")
            zero = scope.number("zero", "uint8_t", self.zero)
            lines.append(f"  {OWN}fill_byte_lines({at}, {int(self.x_last)}, {zero}, {row}, {source}, lines);")
            source = "lines"
        shape = "" if self.is_depthwise else f"{self.results}, {self.groups}, "
        how = f"{shape}{int(self._is_direct)}, {row}"
        target = f"{scope.pointer(self.output)} + {row} * {window.results[1] * self.results}"
        to = "NULL, NULL, sums"
        if not self._keeps_sums and isinstance(self.finish, ToBytes):
            to = f"{step_pointer(self.finish, scope)}, {target}, NULL"
        tables = self.table_names(scope) + ("" if self.is_depthwise else ", patch")
        lines.append(f"  {OWN}{kernel}_row({at}, {how}, {source}, {tables}, {to});")
        return [*lines, *self._finished(scope, row)] if self._keeps_sums else lines

    def _finished(self, scope: Scope, row: str) -> list[str]:
        """Return the loop from the sums of a row to the output."""
        (height, width), results, y = self.window.results, self.results, scope.pointer(self.output)
        if self.y_last:
            return finished_rows(self.finish, scope, (width, results), f"{y} + {row} * {width * results}", results)
        return finished_rows(self.finish, scope, (width, results), f"{y} + {row} * {width}", 1, height * width)

    def table_names(self, scope: Scope) -> str:
        """Return the names of weights and bias; where one of two for the weights is empty the other stands for it."""
        sizes = {table.kind: table.array.size for table in self._tables if table.kind in ("weights", "wide", "narrow", "bias")}
        filled = [kind for kind in sizes if sizes[kind]]
        return ", ".join(scope.table(kind if sizes[kind] else filled[0]) for kind in sizes)


OPERATORS: tuple[Operator, ...] = ()
