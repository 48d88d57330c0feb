"""Convolution over two dims: stride, zero padding, dilation, groups. `ops/convolutions.py` lowers to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from torchferry.cgen.ir import Quantizer
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.elementwise import RELU
from torchferry.cgen.ops.int16_conv2d import Int16Conv2d
from torchferry.cgen.ops.int16_linear import in_narrow_steps
from torchferry.cgen.ops.integer_conv2d import IntegerConv2d
from torchferry.cgen.ops.integer_linear import in_steps
from torchferry.cgen.ops.plane_convolution import PlaneConvolution
from torchferry.cgen.packing import PANEL_COMMENTS, in_panels, padded
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles
from torchferry.cgen.windows import Window


@dataclass(frozen=True, eq=False)
class Conv2d(PlaneConvolution):
    """y = bias + x * weight, from x [channels, height, width] with weight [results, channels / groups, rows, columns].

    Each sum starts at +0 and takes the positions inside the sample in the order row, column, channel; the bias comes last. Zeros
    of the padding would change nothing: a sum that starts at +0 never is -0. Every product and every sum is rounded once.

    `x_last`, `y_last`: x and y are [height, width, channels]. `relu`: what is below zero becomes zero.
    """

    order = "of each group [row][column][input channel][output channel]"

    @property
    def results(self) -> int:
        """Channels of the output."""
        return len(self.weight)

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel of x gives one of y."""
        return self.groups == self.window.channels == self.results > 1

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
        x = self.window.images(inputs[0], last=self.x_last).reshape(-1, self.groups, channels, *self.window.sample)
        sums = np.zeros((len(x), self.groups, self.results // self.groups, *self.window.results), np.float32)
        grouped = weight.reshape(self.groups, -1, channels, *self.window.size)
        for (row, column), to, source in self.window.taps():
            for channel in range(channels):
                read = x[:, :, channel, source[0], source[1]][:, :, None]
                sums[..., to[0], to[1]] += grouped[:, :, channel, row, column][None, :, :, None, None] * read
        sums = sums.reshape(len(x), self.results, -1) + self.bias.astype(np.float32)[:, None]
        sums = RELU.numpy(sums) if self.relu else sums
        return ((sums.swapaxes(1, 2) if self.y_last else sums).reshape(len(x), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"Conv2d {self.window.channels} -> {self.results}, {self.window.describe()}{groups}" + ", relu" * self.relu

    # ---- C ----

    def tables(self) -> tuple[Table, ...]:
        """Return the weights as the kernels read them, and the bias."""
        weight, bias = self.weight.astype(np.float32), self.bias.astype(np.float32)
        if self.is_depthwise:
            taps = weight.reshape(self.results, -1).T
            return (
                Table("weights", "float", taps, "[row][column][channel]"),
                Table("bias", "float", bias, "one per output channel"),
            )
        grouped = weight.reshape(self.groups, -1, *weight.shape[1:]).transpose(0, 3, 4, 2, 1)
        panels = [in_panels(group) for group in grouped.reshape(self.groups, -1, grouped.shape[-1])]
        wide, narrow = (np.concatenate([pair[i] for pair in panels]) for i in (0, 1))
        biases = np.concatenate([padded(group) for group in bias.reshape(self.groups, -1)])
        comments = [f"{self.order}, as {comment}" for comment in PANEL_COMMENTS["input"]]
        return (
            Table("wide", "float", wide, comments[0]),
            Table("narrow", "float", narrow, comments[1]),
            Table("bias", "float", biases, "one per output channel"),
        )

    @property
    def _is_direct(self) -> bool:
        """Whether windows can read x itself: its channels are last, and all windows lie inside of it."""
        return self.x_last and self.window.is_inside

    def scratch(self) -> tuple[Scratch, ...]:
        """Return the rows that windows read, with their padding, and a row of results that become planes."""
        window = self.window
        lines = () if self._is_direct else (Scratch("lines", "floats", window.size[0] * window.line * window.channels),)
        return lines if self.y_last else (*lines, Scratch("line", "floats", window.results[1] * self.results))

    @property
    def part(self) -> int | None:
        """One row, where its channels are last."""
        return self.window.results[1] * self.results if self.y_last else None

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row; of windows of one position all pixels are one row."""
        window = self.window.as_one_row() if self._is_direct and self.y_last else self.window
        y = scope.pointer(self.output)
        if window.results[0] == 1:
            return self.row_lines(scope, window, "0", y)
        target = f"{y} + row * {self.part}" if self.y_last else y
        return [
            f"  for (size_t row = 0; row < {window.results[0]}; ++row) {{",
            *(f"  {line}" for line in self.row_lines(scope, window, "row", target)),
            "  }",
        ]

    def emit_part(self, scope: Scope) -> list[str]:
        """Return the call for row `row`."""
        return self.row_lines(scope, self.window, "row", scope.pointer(self.output))

    def row_lines(self, scope: Scope, window: Window, row: str, y: str, kinds: Mapping[str, str] | None = None) -> list[str]:
        """Return the calls for one row of results at `y`; `kinds`: what the node calls its tables where it has those of several."""
        at, x, target = window.expression(), scope.pointer(self.x), y if self.y_last else "line"
        source, lines = x, []
        if not self._is_direct:
            source = "lines"
            scope.use("fill_lines")
            lines.append(f"  {OWN}fill_lines({at}, {int(self.x_last)}, {row}, {x}, lines);")
        lines.append(self.line_call(scope, window, row, source, target, kinds))
        if not self.y_last:
            scope.use("line_to_planes")
            lines.append(f"  {OWN}line_to_planes({at}, {self.results}, {row}, line, {y});")
        return lines

    def line_call(
        self, scope: Scope, window: Window, row: str, source: str, target: str, kinds: Mapping[str, str] | None = None
    ) -> str:
        """Return the call for one row of results at `target` from the rows at `source`."""
        kernel = "depthwise2d" if self.is_depthwise else "conv2d"
        scope.use(kernel)
        shape = "" if self.is_depthwise else f"{self.results}, {self.groups}, "
        how = f"{shape}{int(self._is_direct)}, {int(self.relu)}, {row}"
        tables = self._table_names(scope, kinds or {})
        return f"  {OWN}{kernel}_row({window.expression()}, {how}, {source}, {tables}, {target});"

    def _table_names(self, scope: Scope, kinds: Mapping[str, str]) -> str:
        """Return the names of the tables; where one of two for the weights is empty the other stands for it."""
        sizes = {table.kind: table.array.size for table in self.tables()}
        filled = [kind for kind in sizes if sizes[kind]]
        used = [kind if sizes[kind] else filled[0] for kind in sizes]
        return ", ".join(scope.table(kinds.get(kind, kind)) for kind in used)

    # ---- passes ----

    def scaled(self, scale: Doubles) -> Doubles:
        """Return weights of results that are `scale` [results] times as large."""
        return self.weight * scale[:, None, None, None]

    def in_integers(self, quantizer: Quantizer) -> None:
        """Add exact sums of bytes, or of int16, times signed bytes; where the padding is, there are those of 0."""
        assert not self.relu, "the graph that becomes int8 has its functions apart"
        x, kind = quantizer.bytes_of(self)
        rows = self.weight.reshape(self.results, -1)
        if kind.dtype == "int16":
            steps, bias, unit, bits = in_narrow_steps(rows, self.bias, kind)
            finish, output = quantizer.finish(self.output, unit)
            numbers = steps.reshape(self.weight.shape), bias, finish, output, self.label, self.x_last, self.y_last, bits
            quantizer.add(Int16Conv2d(x, self.window, self.groups, kind.zero, *numbers))
            return
        steps, bias, unit = in_steps(rows, self.bias, kind, self.label or "Conv2d")
        finish, output = quantizer.finish(self.output, unit)
        weight = steps.reshape(self.weight.shape)
        made = IntegerConv2d(
            x, self.window, self.groups, kind.zero, weight, bias, finish, output, self.label, self.x_last, self.y_last
        )
        quantizer.add(made)


OPERATORS: tuple[Operator, ...] = ()
