"""Max and average pools over two dims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Int8Form, OneToOne, Quantizer
from torchferry.cgen.layout import sample_shape
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops.integer_pool2d import IntegerAvgPool2d, IntegerMaxPool2d
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.scales import Bytes
from torchferry.cgen.target import Scope, Scratch
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Floats, Value
from torchferry.cgen.windows import Pair, Window, pair


@dataclass(frozen=True, eq=False)
class _Pool2d(OneToOne):
    """A pool of x [channels, height, width]."""

    x: Value
    window: Window
    output: Value
    label: str
    last: bool = False

    def with_channels_last(self, twins: Mapping[Value, Value]) -> _Pool2d | None:
        """Return this pool of [height, width, channels]; None where only x or only the output has its channels last."""
        if self.x not in twins or self.output not in twins or self.x.shape[0] != self.window.channels:
            return None
        return replace(self, x=twins[self.x], output=twins[self.output], last=True)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "float32"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to float32"
        expected = self.window.channels * self.window.results[0] * self.window.results[1]
        if (self.x.size, self.output.size) != (self.window.inputs, expected):
            yield f"{self.x.size} elements to {self.output.size}, expected {self.window.inputs} to {expected}"

    def _images(self, inputs: tuple[Array, ...]) -> Floats:
        return self.window.images(inputs[0], last=self.last)

    def _samples(self, pooled: Floats) -> tuple[Floats]:
        """Return samples [N, size] of pools [N, channels, height, width]."""
        return ((np.moveaxis(pooled, 1, -1) if self.last else pooled).reshape(len(pooled), -1),)

    def _emit(self, scope: Scope, name: str, more: str = "") -> list[str]:
        kernel = f"{name}_last" if self.last else name
        scope.use(kernel)
        lines = "" if self.last else "".join(f"{part.name}, " for part in self.scratch()) or "NULL, "
        places = f"{scope.pointer(self.x)}, {lines}{scope.pointer(self.output)}"
        return [f"  {OWN}{kernel}({self.window.expression()}, {more}{places});"]

    def _filled(self, count: int, number: float) -> Floats:
        return np.full((count, self.window.channels, *self.window.results), number, np.float32)


@dataclass(frozen=True, eq=False)
class MaxPool2d(_Pool2d):
    """The largest inside each window; a NaN counts as the largest, and of zeros +0 is the result."""

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the pool [N, size] of x [N, size]."""
        x = self._images(inputs)
        largest = self._filled(len(x), -np.inf)
        for _, to, source in self.window.taps():
            value, old = x[..., source[0], source[1]], largest[..., to[0], to[1]]
            largest[..., to[0], to[1]] = np.where((value > old) | np.isnan(value), value, old)
        return self._samples(largest + np.float32(0))

    @property
    def int8_form(self) -> Int8Form:
        """The largest byte is that of the largest number."""
        return "same" if self.last else "none"

    def over_bytes(self, twins: Mapping[Value, Value], kind: Bytes) -> IntegerMaxPool2d:
        """Return this pool of bytes."""
        del kind
        return IntegerMaxPool2d(twins[self.x], self.window, twins[self.output], self.label)

    def scratch(self) -> tuple[Scratch, ...]:
        """Return two lines of the largest of each column; nothing where channels are last."""
        return () if self.last else (Scratch("lines", "floats", 2 * self.window.line),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"MaxPool2d {self.window.describe()}"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        return self._emit(scope, "max_pool2d")


@dataclass(frozen=True, eq=False)
class AvgPool2d(_Pool2d):
    """The mean inside each window: the sum in the order row, column, divided once.

    The divisor is the count of positions inside the sample, with `padded` also of those in its padding, or `divisor` unless 0.
    """

    padded: bool = True
    divisor: int = 0

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the pool [N, size] of x [N, size]."""
        x = self._images(inputs)
        sums = self._filled(len(x), 0.0)
        for _, to, source in self.window.taps():
            sums[..., to[0], to[1]] += x[..., source[0], source[1]]
        counts = np.outer(*(self.counts(axis) for axis in (0, 1))).astype(np.float32)
        return self._samples(sums / (np.float32(self.divisor) if self.divisor else counts))

    def counts(self, axis: int) -> Array:
        """Return how many positions of each window [results] count along an axis."""
        start = np.arange(self.window.results[axis]) * self.window.stride[axis] - self.window.padding[axis]
        beyond = self.window.padding[axis] if self.padded else 0
        end = np.minimum(start + self.window.size[axis], self.window.sample[axis] + beyond)
        return end - np.maximum(start, -beyond)

    @property
    def _count(self) -> int | None:
        """How many positions count in each window; None where windows differ in that."""
        counts = [self.counts(axis) for axis in (0, 1)]
        return None if any(np.ptp(count) for count in counts) else int(counts[0][0] * counts[1][0])

    @property
    def int8_form(self) -> Int8Form:
        """A sum where all windows have one divisor."""
        return "total" if self.last and (self.divisor or self._count) else "none"

    def in_integers(self, quantizer: Quantizer) -> None:
        """Add exact sums of bytes. Where positions of the padding count, they are bytes of 0."""
        x, kind = quantizer.bytes_of(self)
        taps, channels = self.window.size[0] * self.window.size[1], self.window.channels
        counted = self.counts(0).max() * self.counts(1).max()
        finish, output = quantizer.finish(self.output, np.full(channels, kind.scale / (self.divisor or int(counted))))
        bias = np.full(channels, -taps * kind.zero)
        quantizer.add(IntegerAvgPool2d(x, self.window, kind.zero, bias, finish, output, self.label))

    def scratch(self) -> tuple[Scratch, ...]:
        """Return the rows of a plane that windows read, with their padding; nothing where they can read x itself."""
        direct = self.last or self.window.is_inside
        return () if direct else (Scratch("lines", "floats", self.window.size[0] * self.window.line),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"AvgPool2d {self.window.describe()}"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call."""
        return self._emit(scope, "avg_pool2d", f"{int(self.padded)}, {self.divisor or self._count or 0}, ")


def _window(node: torch.fx.Node, dilation: Pair) -> Window:
    given, source = arguments(node), node.args[0]
    if not isinstance(source, torch.fx.Node) or len(sample_shape(source)) != 3:
        raise refuse(node, f"{node.target} over {source}", "samples [channels, height, width]")
    channels, height, width = sample_shape(source)
    size, result = pair(given["kernel_size"]), sample_shape(node)
    stride = pair(given["stride"]) if given["stride"] else size
    return Window(channels, (height, width), (result[1], result[2]), size, stride, pair(given["padding"]), dilation)


def _max(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    window = _window(node, pair(arguments(node)["dilation"]))
    x, output = builder.as_float(node, builder.value(node, node.args[0])), Value(node.name, sample_shape(node), "float32")
    builder.nodes.append(MaxPool2d(x, window, output, module_path(node)))
    return output


def _average(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    given, window = arguments(node), _window(node, (1, 1))
    x, output = builder.as_float(node, builder.value(node, node.args[0])), Value(node.name, sample_shape(node), "float32")
    padded, divisor = bool(given["count_include_pad"]), given["divisor_override"] or 0
    builder.nodes.append(AvgPool2d(x, window, output, module_path(node), padded=padded, divisor=divisor))
    return output


OPERATORS = (
    Operator(("aten.max_pool2d.default", "aten.max_pool2d_with_indices.default"), _max, ("MaxPool2d",)),
    Operator(("aten.avg_pool2d.default",), _average, ("AvgPool2d",)),
)
