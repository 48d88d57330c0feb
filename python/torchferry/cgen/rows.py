"""Steps over the rows of a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torchferry.cgen.ir import OneToOne, Step
from torchferry.cgen.values import Doubles, Integers, Value


@dataclass(frozen=True, eq=False)
class OverRows(OneToOne):
    """A step over rows of `width` elements, which lie one behind the other."""

    x: Value
    width: int

    @property
    def rows(self) -> int:
        """Rows per sample."""
        return self.x.size // self.width


@dataclass(frozen=True, eq=False)
class RowsToRows(OverRows):
    """A step from rows of float32 to rows of float32 of the same width."""

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "float32"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to float32"
        if self.x.size != self.output.size or self.x.size % self.width:
            yield f"{self.x.size} elements to {self.output.size}, expected as many in rows of {self.width}"

    def over_columns(self, inner: int, x: Value, output: Value) -> Step | None:
        """Return this step over columns of `inner` beside each other, from x to output; None where it has no such form."""
        del inner, x, output
        return None


class MatrixOverRows(OneToOne):
    """A constant matrix `weight` [results, columns] times each row of x, a matrix [rows, columns], plus a bias [results]."""

    weight: Doubles | Integers
    bias: Doubles | Integers

    @property
    def columns(self) -> int:
        """Columns of x."""
        return int(self.weight.shape[1])

    @property
    def results(self) -> int:
        """Columns of the output."""
        return int(self.weight.shape[0])

    @property
    def rows(self) -> int:
        """Rows of x per sample, 1 for a plain vector."""
        return self.x.size // self.columns

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes."""
        if self.x.size % self.columns or self.output.size != self.rows * self.results:
            yield f"{self.x.size} elements to {self.output.size}, expected rows of {self.columns} to rows of {self.results}"
        if self.bias.shape != (self.results,):
            yield f"a bias of shape {list(self.bias.shape)}, expected [{self.results}]"
