"""What convolutions of every rank share: their tables, and how they take up a scale and a shift that follow them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from torchferry.cgen.affine import Affine, fits_float32, per_column
from torchferry.cgen.ir import OneToOne
from torchferry.cgen.target import Scope, Table
from torchferry.cgen.values import Doubles, Value


@dataclass(frozen=True, eq=False)
class Convolution(OneToOne):
    """A convolution of any rank with a bias for each output channel; `order` says how its weights lie in the table."""

    order: ClassVar[str]

    x: Value
    groups: int
    weight: Doubles
    bias: Doubles
    output: Value
    label: str

    @property
    @abstractmethod
    def results(self) -> int:
        """Channels of the output."""

    @abstractmethod
    def scaled(self, scale: Doubles) -> Doubles:
        """Return the weights for results that are `scale` [channels of the output] times as large."""

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with dtypes."""
        if (self.x.dtype, self.output.dtype) != ("float32", "float32"):
            yield f"{self.x.dtype} to {self.output.dtype}, expected float32 to float32"

    def tables(self) -> tuple[Table, ...]:
        """Return weights and bias."""
        return (
            Table("weights", "float", self.weight.astype(np.float32), self.order),
            Table("bias", "float", self.bias.astype(np.float32), "one per output channel"),
        )

    def places(self, scope: Scope) -> str:
        """Return the last arguments of a call: input, tables and output."""
        return f"{scope.pointer(self.x)}, {scope.table('weights')}, {scope.table('bias')}, {scope.pointer(self.output)}"

    def followed_by(self, affine: Affine, output: Value) -> Convolution | None:
        """Return scale y + shift; None where it would leave float32 or differ inside a channel."""
        area = self.output.size // self.results
        spread = [a if a.ndim == 0 else a.reshape(self.results, area).T.ravel() for a in (affine.scale, affine.shift)]
        scale, shift = (per_column(array, area, self.results) for array in spread)
        if scale is None or shift is None:
            return None
        weight, bias = self.scaled(scale), self.bias * scale + shift
        return replace(self, weight=weight, bias=bias, output=output) if fits_float32(weight, bias) else None
