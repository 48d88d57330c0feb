"""What bytes and sums of an int8 graph mean, and the two ways on from exact sums: to bytes in integers, or to float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from typing_extensions import assert_never

from torchferry.cgen.target import Scope, Table
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Doubles, DType, Integers

BYTE_MOST = 255
INT16_LEAST, INT16_MOST = -(2**15), 2**15 - 1


@dataclass(frozen=True)
class Range:
    """The smallest and the largest number that a value was."""

    low: float
    high: float

    def joined(self, other: Range) -> Range:
        """Return the range of both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class Bytes:
    """What a byte u means: (u - zero) * scale. None is above `most`. With a `least` below 0 it is what an int16 means."""

    scale: float
    zero: int
    most: int = BYTE_MOST
    least: int = 0

    @property
    def dtype(self) -> DType:
        """The dtype of the numbers that have this meaning."""
        return "uint8" if self.least == 0 else "int16"


def byte_of(numbers: Doubles, kind: Bytes) -> Integers:
    """Return the bytes nearest to numbers of any shape; NaN counts as 0."""
    with np.errstate(all="ignore"):
        steps = np.nan_to_num(numbers.astype(np.float64) / kind.scale, nan=0.0)
    made: Integers = np.clip(np.rint(steps) + kind.zero, 0, kind.most).astype(np.int64)
    return made


@dataclass(frozen=True, eq=False)
class ToBytes:
    """Sums -> bytes in integers: index = (sum * multiplier[column] + offset) >> shift, kept within least..last; then table[index].

    An empty table: the index is the byte, and `most` the last one. `functions` are the elementwise functions that the step stands
    for; `least` and `most` are where those that clamp end. Below and above the indices `ends` the step saturates: the result lies
    beyond its bytes. None: never on that side.
    """

    multiplier: Integers
    offset: int
    shift: int
    table: Integers
    functions: tuple[str, ...]
    least: int = 0
    most: int = BYTE_MOST
    ends: tuple[int | None, int | None] = (0, BYTE_MOST)

    @property
    def last(self) -> int:
        """The largest index."""
        return len(self.table) - 1 if len(self.table) else self.most


@dataclass(frozen=True, eq=False)
class ToFloats:
    """Sums -> float32: (float) sum * scale[column]."""

    scale: Doubles


Finish = ToBytes | ToFloats


def finished_dtype(finish: Finish) -> DType:
    """Return the dtype of what becomes of the sums."""
    match finish:
        case ToBytes():
            return "uint8"
        case ToFloats():
            return "float32"
        case _:
            assert_never(finish)


def finish_sums(finish: Finish, sums: Integers) -> Array:
    """Return the bytes or floats [rows, columns] of sums [rows, columns]."""
    match finish:
        case ToFloats(scale):
            return sums.astype(np.float32) * scale.astype(np.float32)
        case ToBytes():
            scaled = sums * finish.multiplier + finish.offset
            index = np.clip(np.where(scaled < 0, 0, scaled >> finish.shift), finish.least, finish.last)
            return (finish.table[index] if len(finish.table) else index).astype(np.uint8)
        case _:
            assert_never(finish)


def finish_tables(finish: Finish) -> tuple[Table, ...]:
    """Return the constant arrays of the way on."""
    match finish:
        case ToFloats(scale):
            return (Table("scale", "float", scale.astype(np.float32), "one per output: what one step of the sum means"),)
        case ToBytes(multiplier, table=table):
            steps = "one per output, fixed point: what one step of the sum is in steps of the result"
            return (
                Table("multiplier", "int32_t", multiplier.astype(np.int32), steps),
                Table("bytes", "uint8_t", table.astype(np.uint8), "the byte of the activation function for each index"),
            )
        case _:
            assert_never(finish)


def finish_expression(finish: Finish, scope: Scope, sums: str = "sums") -> str:
    """Return the C expression of what becomes of element j of `sums`, the sum of column j."""
    match finish:
        case ToFloats():
            return f"(float){sums}[j] * {scope.table('scale')}[j]"
        case ToBytes():
            scope.use("index")
            multiplier = f"{scope.table('multiplier')}[j]"
            index = f"{OWN}index({sums}[j], {multiplier}, {', '.join(step_numbers(finish, scope))}{counted_ends(finish.ends, finish.shift, scope)})"
            return f"{scope.table('bytes')}[{index}]" if len(finish.table) else f"(uint8_t){index}"
        case _:
            assert_never(finish)


def step_numbers(finish: ToBytes, scope: Scope) -> tuple[str, str, str, str]:
    """Return the C expressions of offset, shift, and the least and the largest index."""
    numbers = scope.number("offset", "int64_t", finish.offset), scope.number("shift", "int", finish.shift)
    if len(finish.table):
        return *numbers, str(finish.least), str(finish.last)  # within the table, whatever the weights say
    return *numbers, scope.number("least", "int32_t", finish.least), scope.number("most", "int32_t", finish.most)


def step_pointer(finish: ToBytes, scope: Scope) -> str:
    """Return the C expression of a pointer to the fixed-point step."""
    ends = counted_ends(finish.ends, finish.shift, scope)
    return f"&(const {OWN}step){{{scope.table('multiplier')}, {', '.join(step_numbers(finish, scope))}{ends}}}"


def finished_rows(finish: Finish, scope: Scope, shape: tuple[int, int], y: str, between: int, apart: int = 1) -> list[str]:
    """Return the lines from `sums` [pixels, columns] = `shape`, which they may overwrite, to elements of `y`.

    `between`: from pixel to pixel, `apart`: from column to column.
    """
    pixels, columns = shape
    if isinstance(finish, ToBytes) and len(finish.table):
        scope.use("look_up")
        given = f"{step_pointer(finish, scope)}, {scope.table('bytes')}, {pixels}, {columns}"
        return [f"  {OWN}look_up({given}, sums, {between}, {apart}, {y});"]
    made, element = (
        finish_expression(finish, scope, "sums" if pixels == 1 else f"(sums + i0 * {columns})"),
        f"({y})" if " " in y else y,
    )
    first, place = "" if pixels == 1 else f"i0 * {between} + ", "j" if apart == 1 else f"j * {apart}"
    lines = [f"  for (size_t j = 0; j < {columns}; ++j) {{", f"    {element}[{first}{place}] = {made};", "  }"]
    if pixels == 1:
        return lines
    return [f"  for (size_t i0 = 0; i0 < {pixels}; ++i0) {{", *(f"  {line}" for line in lines), "  }"]


def counted_ends(ends: tuple[int | None, int | None], shift: int, scope: Scope, bits: int = 64) -> str:
    """Return the C arguments, where saturations are counted: the least and the largest sum of `bits` bits that is none."""
    least = -(2 ** (bits - 1)) if ends[0] is None else ends[0] << shift
    most = 2 ** (bits - 1) - 1 if ends[1] is None else ((ends[1] + 1) << shift) - 1
    lowest, highest = scope.number("lowest", f"int{bits}_t", least), scope.number("highest", f"int{bits}_t", most)
    return f" {OWN}{OWN}IF_COUNTING({lowest}, {highest})"


def describe_finish(finish: Finish) -> tuple[str, ...]:
    """Name what becomes of the sums for the list of layers."""
    match finish:
        case ToFloats():
            return ("to float",)
        case ToBytes():
            return (*finish.functions, "to bytes")
        case _:
            assert_never(finish)
