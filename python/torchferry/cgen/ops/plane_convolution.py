"""What the convolutions over two dims share, plain and transposed: the order of channels, and a ReLU that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from torchferry.cgen.convolution import Convolution
from torchferry.cgen.ir import Int8Form, Map
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.elementwise import RELU
from torchferry.cgen.values import Value
from torchferry.cgen.windows import Window

One = TypeVar("One", bound="PlaneConvolution")


@dataclass(frozen=True, eq=False)
class PlaneConvolution(Convolution):
    """A convolution over two dims. `x_last`, `y_last`: x and y are [height, width, channels]; `relu`: what is below zero becomes zero."""

    window: Window
    x_last: bool = False
    y_last: bool = False
    relu: bool = False

    @property
    def int8_form(self) -> Int8Form:
        """A product."""
        return "product"

    def finished_by(self: One, node: Map) -> One | None:
        """Return this convolution with a ReLU; None for another function."""
        return replace(self, relu=True, output=node.output) if node.function is RELU and not self.relu else None

    def with_channels_last(self: One, twins: Mapping[Value, Value]) -> One | None:
        """Return this convolution with either value in either order; None where one is a view with other channels."""
        channels = {self.x: self.window.channels, self.output: self.results}
        if any(value in twins and value.shape[0] != count for value, count in channels.items()):
            return None
        return replace(
            self,
            x=twins.get(self.x, self.x),
            output=twins.get(self.output, self.output),
            x_last=self.x in twins,
            y_last=self.output in twins,
        )


OPERATORS: tuple[Operator, ...] = ()
