"""Transposed convolution over two dims: each input spreads over a window of results. `ops/convolutions.py` lowers to it.

Of a stride s only every s-th weight reaches a result, and which they are repeats every s results. So the results of one phase are
a plain convolution of x with the weights of that phase (W. Shi et al., Is the deconvolution layer the same as a convolutional
layer?, 2016), and its C is the C of these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import numpy as np

from torchferry.cgen.index_map import IndexMap, piece_of
from torchferry.cgen.ir import Node, Quantizer, Step
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.conv2d import Conv2d
from torchferry.cgen.ops.plane_convolution import PlaneConvolution
from torchferry.cgen.scales import Bytes, Finish
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Integers, Operand, Value
from torchferry.cgen.windows import Pair, Window


@dataclass(frozen=True)
class Reach:
    """Along one dim, the weights `taps` that reach the results `first`, `first` + stride, ..., from the last weight to the first.

    As a convolution of x: `padding` before it, `dilation`, and `skipped` results that lie before the first one.
    """

    first: int
    count: int
    taps: tuple[int, ...]
    padding: int
    dilation: int
    skipped: int


def reaches(sample: int, size: int, stride: int, padding: int, dilation: int) -> list[Reach]:
    """Return the phases along one dim: of `sample` results and a window of `size` weights."""
    found = []
    for first in range(min(stride, sample)):
        count = len(range(first, sample, stride))
        taps = [tap for tap in range(size) if (tap * dilation - first - padding) % stride == 0][::-1]
        before = (taps[0] * dilation - first - padding) // stride if taps else 0
        step = dilation // math.gcd(dilation, stride)
        found.append(Reach(first, count, tuple(taps), max(before, 0), step, max(-before, 0)))
    return found


def mirrored(weight: Doubles, groups: int, phase: Sequence[Reach]) -> Doubles:
    """Return the weights [results, channels / groups, *taps] of a phase, of weights [channels, results / groups, *sizes]."""
    chosen = weight[np.ix_(*map(range, weight.shape[:2]), *(reach.taps for reach in phase))]
    channels, results = len(weight) // groups, weight.shape[1]
    grouped = chosen.reshape(groups, channels, *chosen.shape[1:]).swapaxes(1, 2)
    return grouped.reshape(groups * results, channels, *chosen.shape[2:])


def _along(window: Window, axis: int) -> list[Reach]:
    """Return the phases along one dim of a window from results to x."""
    numbers = (window.sample, window.size, window.stride, window.padding, window.dilation)
    return reaches(*(pair[axis] for pair in numbers))


@dataclass(frozen=True, eq=False)
class _Phase:
    """The results from `first` on, every stride-th along both dims, behind `skipped` rows and columns of `conv`."""

    first: Pair
    skipped: Pair
    count: Pair
    conv: Conv2d


@dataclass(frozen=True, eq=False)
class ConvTranspose2d(PlaneConvolution):
    """y[result] = bias + sum of x * weight [channels, results / groups, rows, columns] where the windows of the inputs reach it.

    The window is that of the convolution from the output to x: `sample` is the output, `results` are x. Each sum starts at +0 and
    takes the inputs that reach it in the order row, column, channel of x; the bias comes last.

    `x_last`, `y_last`: x and y are [height, width, channels]. `relu`: what is below zero becomes zero.
    """

    order = "of each group [row][column][input channel][output channel]"

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

    @cached_property
    def phases(self) -> tuple[_Phase, ...]:
        """The convolutions whose results lie between each other in the output."""
        return tuple(self._phase(*pair) for pair in product(_along(self.window, 0), _along(self.window, 1)))

    @property
    def alone(self) -> Conv2d | None:
        """The plain convolution that this one is where there is one phase, as with a stride of 1; else None."""
        first = self.phases[0]
        return replace(first.conv, output=self.output) if len(self.phases) == 1 and first.skipped == (0, 0) else None

    def _phase(self, rows: Reach, columns: Reach) -> _Phase:
        weight, (height, width) = mirrored(self.weight, self.groups, (rows, columns)), self.window.results
        results = (rows.skipped + rows.count, columns.skipped + columns.count)
        padding, dilation = (rows.padding, columns.padding), (rows.dilation, columns.dilation)
        if not weight.size:  # no weight reaches these results: a window over the padding alone gives them their +0
            weight, padding = np.zeros((*weight.shape[:2], 1, 1)), (results[0], 0)
        window = Window(
            self.window.channels, (height, width), results, (weight.shape[2], weight.shape[3]), (1, 1), padding, dilation
        )
        shape = (*results, self.results) if self.y_last else (self.results, *results)
        output = Value(f"{self.output.name}_{rows.first}_{columns.first}", shape, self.output.dtype)
        conv = Conv2d(
            self.x, self.groups, weight, self.bias, output, self.label, window, self.x_last, y_last=self.y_last, relu=self.relu
        )
        return _Phase((rows.first, columns.first), (rows.skipped, columns.skipped), (rows.count, columns.count), conv)

    def _places(self, phase: _Phase) -> tuple[slice, slice]:
        """Return the rows and the columns of the output that are those of a phase."""
        rows, columns = (slice(first, None, stride) for first, stride in zip(phase.first, self.window.stride, strict=True))
        return rows, columns

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the transposed convolution [N, size] of x [N, size]."""
        whole = np.empty((len(inputs[0]), *self.window.sample, self.results), np.float32)
        for phase in self.phases:
            (made,) = replace(phase.conv, y_last=True).compute(*inputs)
            image = made.reshape(len(made), *phase.conv.window.results, self.results)
            rows, columns = self._places(phase)
            whole[:, rows, columns] = image[:, phase.skipped[0] :, phase.skipped[1] :]
        return ((whole if self.y_last else np.moveaxis(whole, -1, 1)).reshape(len(whole), -1),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        text = f"ConvTranspose2d {self.window.channels} -> {self.results}, {self.window.describe()}{groups}"
        return text + ", relu" * self.relu

    # ---- C ----

    def tables(self) -> tuple[Table, ...]:
        """Return the weights of each phase as the kernels of a convolution read them, and the bias."""
        each = [phase.conv.tables() for phase in self.phases]
        weights = [
            replace(table, kind=_numbered(table.kind, number))
            for number, tables in enumerate(each)
            for table in tables
            if table.kind != "bias"
        ]
        return (*weights, *(table for table in each[0] if table.kind == "bias"))

    def scratch(self) -> tuple[Scratch, ...]:
        """Return the rows that windows read, with their padding, and a row of results of one phase."""
        parts = [part for phase in self.phases for part in replace(phase.conv, y_last=False).scratch()]
        names = sorted({part.name for part in parts})
        return tuple(Scratch(name, "floats", max(part.size for part in parts if part.name == name)) for name in names)

    def emit(self, scope: Scope) -> list[str]:
        """Return, for each phase, one call per row, whose results are then spread over the output."""
        scope.use("spread_line")
        return [line for number, phase in enumerate(self.phases) for line in self._rows(scope, number, phase)]

    def _rows(self, scope: Scope, number: int, phase: _Phase) -> list[str]:
        conv, (height, width), (down, across) = phase.conv, self.window.sample, self.window.stride
        apart, between = (across * self.results, 1) if self.y_last else (across, height * width)
        scale = self.results if self.y_last else 1
        first = (phase.first[0] * width + phase.first[1]) * scale
        row = f"(row - {phase.skipped[0]})" if phase.skipped[0] else "row"
        place = f"{scope.pointer(self.output)} + {row} * {down * width * scale} + {first}"
        line = f"line + {phase.skipped[1] * self.results}" if phase.skipped[1] else "line"
        spread = f"  {OWN}spread_line({phase.count[1]}, {self.results}, {apart}, {between}, {line}, {place});"
        names = {table.kind: _numbered(table.kind, number) for table in conv.tables()}
        return [
            f"  for (size_t row = 0; row < {conv.window.results[0]}; ++row) {{",
            *(f"  {text}" for text in replace(conv, y_last=True).row_lines(scope, conv.window, "row", "line", names)),
            *([f"    if (row < {phase.skipped[0]}) {{", "      continue;", "    }"] if phase.skipped[0] else []),
            f"  {spread}",
            "  }",
        ]

    # ---- passes ----

    def scaled(self, scale: Doubles) -> Doubles:
        """Return weights of results that are `scale` [results] times as large."""
        grouped = self.weight.reshape(self.groups, -1, *self.weight.shape[1:]) * scale.reshape(self.groups, 1, -1, 1, 1)
        return grouped.reshape(self.weight.shape)

    def in_integers(self, quantizer: Quantizer) -> None:
        """Add the integer form of each phase, each with scales of its own, and the copy of their results to their places."""
        own = _OfPhases(quantizer, self.output)
        for phase in self.phases:
            phase.conv.in_integers(own)
        pieces = tuple(piece_of(number, self._index(phase)) for number, phase in enumerate(self.phases))
        quantizer.add(IndexMap("interleave", tuple(own.made), pieces, own.whole, self.label))

    def _index(self, phase: _Phase) -> Integers:
        """Return which element of a phase each element of the output is; -1 for those of others."""
        results = phase.conv.window.results
        numbers = np.arange(phase.conv.output.size, dtype=np.int64)
        (rows, columns), (above, left) = self._places(phase), phase.skipped
        if self.y_last:
            index = np.full((*self.window.sample, self.results), -1, np.int64)
            index[rows, columns] = numbers.reshape(*results, self.results)[above:, left:]
        else:
            index = np.full((self.results, *self.window.sample), -1, np.int64)
            index[:, rows, columns] = numbers.reshape(self.results, *results)[:, above:, left:]
        return index


def _numbered(kind: str, number: int) -> str:
    return kind if kind == "bias" else f"{kind}{number}"


@dataclass
class _OfPhases:
    """A quantizer whose products are phases of one output: each gives a value of its own, with the meaning that the output has."""

    of: Quantizer
    output: Value
    made: list[Value] = field(default_factory=list)
    whole: Value = field(init=False)

    def add(self, node: Node) -> None:
        """See ir.Quantizer."""
        self.of.add(node)

    def operand(self, step: Step, rows: int, columns: int) -> tuple[Value, Bytes, Doubles]:
        """See ir.Quantizer."""
        return self.of.operand(step, rows, columns)

    def bytes_of(self, step: Step) -> tuple[Value, Bytes]:
        """See ir.Quantizer."""
        return self.of.bytes_of(step)

    def finish(self, output: Value, unit: Doubles) -> tuple[Finish, Value]:
        """See ir.Quantizer."""
        finish, self.whole = self.of.finish(self.output, unit)
        self.made.append(Value(output.name, output.shape, self.whole.dtype))
        return finish, self.made[-1]

    def steps_of(self, output: Value, start: Operand) -> tuple[Bytes, Value, Bytes | None]:
        """See ir.Quantizer."""
        return self.of.steps_of(output, start)


OPERATORS: tuple[Operator, ...] = ()
