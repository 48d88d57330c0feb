"""Matrix products of an int8 graph: exact sums of bytes times signed bytes, in 32 bits and so in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen.lowering import Operator
from torchferry.cgen.packing import LINE, PANEL_COMMENTS, in_panels, padded
from torchferry.cgen.rows import MatrixOverRows
from torchferry.cgen.scales import (
    BYTE_MOST,
    Bytes,
    Finish,
    describe_finish,
    finish_sums,
    finish_tables,
    finished_dtype,
    finished_rows,
)
from torchferry.cgen.target import Scope, Scratch, Table, over_rows
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, Integers, Value
from torchferry.errors import ExitCode, FerryError

GROUP = 4  # inputs whose weights for one output lie together: what one VNNI instruction adds to a sum
WEIGHT_MOST = 127  # symmetric: -128 is not used
ON_GRID = 2.0**-10  # of a step: how far from it float32 puts a number of a grid
BIAS_MOST = 2**29  # a row whose bias would be more steps gets a coarser step
SUM_MOST = 2**31 - 1


NOTES = ("Products are of unsigned bytes and int8 weights, with one scale per output; their sums are exact.",)


@dataclass(frozen=True, eq=False)
class IntegerLinear(MatrixOverRows):
    """sums[row] = weight x[row] + bias of bytes x and int8 weights, exact in 32 bits; `finish` turns the sums into the output.

    x is a matrix [rows, columns], `weight` is [results, columns].
    """

    x: Value
    weight: Integers
    bias: Integers
    finish: Finish
    output: Value
    label: str

    notes: ClassVar[tuple[str, ...]] = NOTES

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        expected = finished_dtype(self.finish)
        if (self.x.dtype, self.output.dtype) != ("uint8", expected):
            yield f"{self.x.dtype} to {self.output.dtype}, expected uint8 to {expected}"
        yield from super().problems()

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return bytes or floats [N, rows * results] of bytes [N, rows * columns]."""
        sums = self.sums(inputs[0].reshape(-1, self.columns))
        return (finish_sums(self.finish, sums).reshape(len(inputs[0]), -1),)

    def sums(self, rows: Array) -> Integers:
        """Return the sums [n, results] of bytes [n, columns]."""
        # In float64 and so in BLAS: sums below 2^53 are exact whatever their order.
        return (rows.astype(np.float64) @ self.weight.T.astype(np.float64)).astype(np.int64) + self.bias

    def describe(self) -> str:
        """Name it for the list of layers."""
        text = f"int8 Linear {self.columns} -> {self.results}" + (f" on {self.rows} rows" if self.rows > 1 else "")
        return ", ".join((text, *describe_finish(self.finish)))

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what becomes of numbers that the calibration did not see."""
        del caller
        yield "What is beyond the range of the calibration data saturates."

    @cached_property
    def _tables(self) -> tuple[Table, ...]:
        return (*product_tables(self.weight, self.bias), *finish_tables(self.finish))

    def tables(self) -> tuple[Table, ...]:
        """Return weights, bias and what makes the output of the sums."""
        return self._tables

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the sums of one row."""
        return (Scratch("sums", "sums", self.results),)

    def emit(self, scope: Scope) -> list[str]:
        """Return one product per row."""
        x, y = scope.row(self.x, self.rows, self.columns), scope.row(self.output, self.rows, self.results)
        return over_rows(
            self.rows,
            [
                f"  {self.product(scope, x)}",
                *finished_rows(self.finish, scope, (1, self.results), y, self.results),
            ],
        )

    def product(self, scope: Scope, x: str) -> str:
        """Return the call that puts the sums of the bytes at the pointer `x` into `sums`."""
        return product_call(scope, self.weight, x)


def product_tables(weight: Doubles | Integers, bias: Doubles | Integers) -> tuple[Table, ...]:
    """Return the tables of kernels/integer_columns.c for weights [results, columns] and biases [results]."""
    results, columns = weight.shape
    groups = -(-columns // GROUP)
    whole = np.zeros((results, groups * GROUP), np.int8)
    whole[:, :columns] = weight
    wide, narrow = in_panels(whole.reshape(results, groups, GROUP).transpose(1, 0, 2))  # [groups, results, 4]
    comments = PANEL_COMMENTS["four inputs"]
    steps = "one per output, in steps of the sum, with what the zero of the inputs adds"
    return (
        Table("wide", "int8_t", wide, comments[0]),
        Table("narrow", "int8_t", narrow, comments[1]),
        Table("bias", "int32_t", padded(bias.astype(np.int32)), steps),
    )


def product_call(scope: Scope, weight: Doubles | Integers, x: str) -> str:
    """Return the call that puts bias + weight x into `sums`, of weights [results, columns] and bytes at the pointer `x`."""
    scope.use("integer_columns")
    results, columns = weight.shape
    return f"{OWN}integer_columns({columns}, {results}, {x}, {panels_of(scope, weight)}, sums);"


def panels_of(scope: Scope, weight: Doubles | Integers) -> str:
    """Return the names of the tables of weights [results, columns]; where one of two is empty the other stands for it."""
    split = len(weight) >= LINE, len(weight) % LINE != 0  # whether there is a wide table, and a narrow one
    wide, narrow = ("wide" if split[0] else "narrow"), ("narrow" if split[1] else "wide")
    return ", ".join(scope.table(kind) for kind in (wide, narrow, "bias"))


def in_steps(weight: Doubles | Integers, bias: Doubles | Integers, kind: Bytes, name: str) -> tuple[Integers, Integers, Doubles]:
    """Return weights -127..127 [results, columns] and biases [results] in steps of the sums, and what a step of each column means.

    `kind` is what the bytes mean. Raises FerryError(FORMAT) where a sum of the product `name` could leave 32 bits.
    """
    steps, unit = row_steps(weight, bias, kind)
    offset = np.rint(bias / unit).astype(np.int64) - kind.zero * steps.sum(axis=1)
    _require_32_bits(steps, offset, name)
    return steps, offset, unit


def row_steps(weight: Doubles | Integers, bias: Doubles | Integers, kind: Bytes) -> tuple[Integers, Doubles]:
    """Return weights -127..127 [results, columns], and what a step of each column's sum [results] means."""
    largest = _grid(weight)
    step = np.maximum(largest, np.abs(bias) / (kind.scale * BIAS_MOST))
    step = np.where(step > 0, step, 1.0)
    return np.rint(weight / step[:, None]).astype(np.int64), step * kind.scale


def _grid(weight: Doubles | Integers) -> Doubles:
    """Return the step of each row of weights [results, columns]: that of the grid on which the row lies already, if it does.

    Weights that were trained on a grid of at most 256 numbers stay what they are. Others have 127 steps to the largest.
    """
    largest: Doubles = np.abs(weight).max(axis=1).astype(np.float64)
    found, open_rows = largest / WEIGHT_MOST, np.flatnonzero(largest > 0)
    finest_first = (WEIGHT_MOST, *range(WEIGHT_MOST + 1, WEIGHT_MOST // 2, -1))  # half of them and fewer are part of a finer grid
    for steps in finest_first:
        step = largest[open_rows] / steps
        for columns in (slice(0, 16), slice(None)):  # most rows are on no grid, which few columns show
            lies = _lies_on(weight[open_rows][:, columns], step)
            if not lies.any():
                break
        else:
            found[open_rows[lies]] = step[lies]
            open_rows = open_rows[~lies]
    return found


def _lies_on(weight: Doubles | Integers, step: Doubles) -> NDArray[np.bool_]:
    steps = weight / step[:, None]
    whole = np.rint(steps)
    lies = (np.abs(steps - whole) < ON_GRID) & (whole <= WEIGHT_MOST)
    return np.asarray(lies.all(axis=1))


def _require_32_bits(weight: Integers, bias: Integers, name: str) -> None:
    """No partial sum, in whatever order, leaves 32 bits."""
    above = np.maximum(bias, 0) + BYTE_MOST * np.maximum(weight, 0).sum(axis=1)
    below = np.minimum(bias, 0) + BYTE_MOST * np.minimum(weight, 0).sum(axis=1)
    most = int(max(above.max(), -below.min()))
    if most > SUM_MOST:
        raise FerryError(
            ExitCode.FORMAT,
            f"c-int8: {name}: got {weight.shape[1]} inputs with sums up to {most}, expected at most {SUM_MOST} (32 bits); "
            "make the layer narrower or leave out --quantize int8",
        )


OPERATORS: tuple[Operator, ...] = ()
