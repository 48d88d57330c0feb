"""Matrix products of int16 and int8 weights in an int8 graph: what reads a 16-bit sound loses nothing of it.

Sums are exact in 32 bits where none can be larger. Else they are exact in 64 bits and then rounded once to the finest steps of
which 32 bits hold all: their error is at most half a 2^-31 part of the largest sum that there can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.integer_linear import SUM_MOST, IntegerLinear, panels_of, row_steps
from torchferry.cgen.scales import INT16_LEAST, Bytes, finished_dtype
from torchferry.cgen.target import Scope
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Integers

NOTES = (
    (
        "Products of what is computed of an int16 input are of int16 and int8 weights, with exact sums, which become bytes; later products "
        "are of unsigned bytes and int8 weights, with one scale per output."
    ),
)


@dataclass(frozen=True, eq=False)
class Int16Linear(IntegerLinear):
    """sums[row] = weight x[row] / 2^bits + bias of int16 x and int8 weights, rounded once where `bits` is not 0."""

    bits: int = 0

    notes = NOTES

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes, and where a sum could leave 32 bits."""
        expected = finished_dtype(self.finish)
        if (self.x.dtype, self.output.dtype) != ("int16", expected):
            yield f"{self.x.dtype} to {self.output.dtype}, expected int16 to {expected}"
        yield from super(IntegerLinear, self).problems()
        yield from sum_problems(self.weight, self.bias, self.bits)

    def sums(self, rows: Array) -> Integers:
        """Return the sums [n, results] of int16 [n, columns]."""
        # In float64 and so in BLAS: sums below 2^53 are exact whatever their order.
        exact = (rows.astype(np.float64) @ self.weight.T.astype(np.float64)).astype(np.int64)
        return narrowed(exact, self.bits) + self.bias

    def describe(self) -> str:
        """Name it for the list of layers."""
        return super().describe().replace("int8 Linear", "int16 x int8 Linear", 1)

    def product(self, scope: Scope, x: str) -> str:
        """Return the call that puts the sums of the int16 at the pointer `x` into `sums`."""
        scope.use("int16_columns")
        bits = scope.number("bits", "int", self.bits)
        return f"{OWN}int16_columns({self.columns}, {self.results}, {bits}, {x}, {panels_of(scope, self.weight)}, sums);"


def narrowed(sums: Integers, bits: int) -> Integers:
    """Return sums of any shape in steps of 2^bits, halves up, as kernels/int16_columns.c rounds them."""
    return sums if bits == 0 else (sums + (1 << (bits - 1))) >> bits


def in_narrow_steps(weight: Doubles | Integers, bias: Doubles | Integers, kind: Bytes) -> tuple[Integers, Integers, Doubles, int]:
    """Return weights -127..127 [results, columns], biases [results] in steps of the sums, what such a step means, and the bits.

    `kind` is what the int16 mean. A step is worth 2^bits products of a step of a weight and one of an int16: with the least bits
    of which no sum, in whatever order, leaves 32.
    """
    steps, fine = row_steps(weight, bias, kind)
    constant = bias / fine - kind.zero * steps.sum(axis=1)
    bits = 0
    while (reach := _reach(steps, np.rint(constant / 2.0**bits).astype(np.int64), bits)) > SUM_MOST:
        bits = max(bits + 1, int(reach).bit_length() + bits - 32)
    return steps, np.rint(constant / 2.0**bits).astype(np.int64), fine * 2.0**bits, bits


def sum_problems(weight: Integers, bias: Integers, bits: int) -> Iterator[str]:
    """Yield what is wrong with the size of sums of weights [results, ...] and biases [results]."""
    reach = _reach(weight.reshape(len(weight), -1), bias, bits)
    if reach > SUM_MOST:
        yield f"sums up to {reach} in steps of 2^{bits}, expected at most {SUM_MOST}"


def _reach(weight: Integers, bias: Integers, bits: int) -> int:
    """Return how large a sum of a bias and any int16 times the weights of a row can be."""
    products = (-INT16_LEAST * np.abs(weight).sum(axis=1) >> bits) + 1
    return int((products + np.abs(bias)).max())


OPERATORS: tuple[Operator, ...] = ()
