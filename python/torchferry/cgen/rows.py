"""Steps over the rows of a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torchferry.cgen.ir import OneToOne
from torchferry.cgen.values import Value


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
