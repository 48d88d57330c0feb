"""Convolutions of int16 and int8 weights in an int8 graph: what reads a 16-bit sound loses nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.int16_linear import NOTES, narrowed, sum_problems
from torchferry.cgen.ops.integer_conv2d import IntegerConv2d
from torchferry.cgen.ops.integer_linear import GROUP
from torchferry.cgen.scales import INT16_LEAST, INT16_MOST, finish_expression, finished_dtype
from torchferry.cgen.target import Scope, Scratch
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Integers


@dataclass(frozen=True, eq=False)
class Int16Conv2d(IntegerConv2d):
    """sums = bias + x * weight / 2^bits of int16 x and int8 weights, rounded once where `bits` is not 0."""

    bits: int = 0

    notes = NOTES

    @property
    def is_depthwise(self) -> bool:
        """Groups of one channel are groups like others."""
        return False

    @property
    def run(self) -> int:
        """All inputs of a window: they are gathered before they meet the weights."""
        return prod(self.window.size) * self.window.channels // self.groups

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes, and where a sum could leave 32 bits."""
        expected = finished_dtype(self.finish)
        if (self.x.dtype, self.output.dtype) != ("int16", expected):
            yield f"{self.x.dtype} to {self.output.dtype}, expected int16 to {expected}"
        if not INT16_LEAST <= self.zero <= INT16_MOST:
            yield f"padding of {self.zero}, expected an int16"
        yield from self.shape_problems()
        yield from sum_problems(self.weight, self.bias, self.bits)

    def with_bias(self, products: Integers) -> Integers:
        """Return the sums [..., results] of exact sums of products [..., results] and the bias."""
        return narrowed(products, self.bits) + self.bias

    def describe(self) -> str:
        """Name it for the list of layers."""
        return super().describe().replace("int8 Conv2d", "int16 x int8 Conv2d", 1)

    # ---- C ----

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the inputs of one window, and for the sums of one place."""
        return (Scratch("patch", "shorts", -(-self.run // GROUP) * GROUP), Scratch("sums", "sums", self.results))

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per place."""
        scope.use("int16_conv2d")
        height, width = self.window.results
        zero, bits = scope.number("zero", "int16_t", self.zero), scope.number("bits", "int", self.bits)
        shape = f"{int(self.x_last)}, {zero}, {self.results}, {self.groups}, {bits}, row, column"
        given = f"{self.window.expression()}, {shape}, {scope.pointer(self.x)}, {self.table_names(scope)}, patch, sums"
        place = f"(row * {width} + column) * {self.results} + j" if self.y_last else f"(j * {height} + row) * {width} + column"
        return [
            f"  for (size_t row = 0; row < {height}; ++row) {{",
            f"    for (size_t column = 0; column < {width}; ++column) {{",
            f"      {OWN}int16_conv2d({given});",
            f"      for (size_t j = 0; j < {self.results}; ++j) {{",
            f"        {scope.pointer(self.output)}[{place}] = {finish_expression(self.finish, scope)};",
            "      }",
            "    }",
            "  }",
        ]


OPERATORS: tuple[Operator, ...] = ()
