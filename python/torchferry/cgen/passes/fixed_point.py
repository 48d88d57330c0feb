"""The step from exact sums to bytes in fixed-point integers, through the elementwise functions in between."""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen.ir import Map
from torchferry.cgen.scales import BYTE_MOST, INT16_LEAST, INT16_MOST, Bytes, Range, ToBytes, byte_of
from torchferry.cgen.values import Doubles, Floats, Integers, Value

TABLE_SIZE = 1024  # indices per byte: about four where the function is steepest
SEARCH_POINTS = 1 << 14
STEEPEST = 8  # bytes by which a function may change from one index to the next
FINER = 257  # points between two indices, by which a steep function is told from a jump
MULTIPLIER_BITS = 30
OFFSET_BITS = 60  # with sums of 31 bits and multipliers of 30, sum * multiplier + offset stays below 2^62
SHIFT_MOST = 46
FINEST = 256  # a byte or index is never less than this part of a step of the sums, nor worth less
SMALLEST_SCALE = 2.0**-100
BESIDE = 4 * TABLE_SIZE  # indices on each side of a table that are searched for where the function leaves its bytes


def bytes_for(seen: Range, smallest_scale: float = SMALLEST_SCALE) -> Bytes:
    """Return the meaning of bytes for a calibrated range: the range and 0 fill 0..255, and 0 is exactly a byte."""
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    scale = max((high - low) / BYTE_MOST, smallest_scale) if high > low else 1.0
    return Bytes(scale, round(-low / scale))


def int16_for(seen: Range) -> Bytes:
    """Return the meaning of int16 for a calibrated range: the range and 0 fill -32768..32767, and 0 is exactly one of them."""
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    scale = max((high - low) / (INT16_MOST - INT16_LEAST), SMALLEST_SCALE) if high > low else 1.0
    return Bytes(scale, INT16_LEAST + round(-low / scale), INT16_MOST, INT16_LEAST)


def to_bytes(
    chain: Sequence[Map], unit: Doubles, before: Range, after: Range, kind: Bytes | None = None
) -> tuple[ToBytes, Bytes]:
    """Return the step for sums of `unit` [columns] through the elementwise functions of `chain`.

    `before` and `after`: the calibrated ranges at both ends of the chain. `kind`: what the bytes have to mean; None: what `after`
    asks for.
    """
    functions = tuple(node.function.name for node in chain)
    if all(node.function.clamps for node in chain):
        made = kind or bytes_for(after, float(unit.max()) / FINEST)
        least, most = limits(chain, made)
        end = _fixed_point(unit, -made.zero * made.scale, made.scale)
        return ToBytes(*end, np.zeros(0, np.int64), functions, least, most, saturating(chain, made)), made
    made = kind or bytes_for(after)
    low, high = _where_bytes_change(chain, before, made)
    step = max((high - low) / (TABLE_SIZE - 1), float(unit.max()) / FINEST)
    table = function_bytes(chain, low + step * np.arange(TABLE_SIZE, dtype=np.float64), made)
    return ToBytes(*_fixed_point(unit, low, step), table, functions, ends=_saturating_indices(chain, low, step, made)), made


def limits(chain: Sequence[Map], kind: Bytes) -> tuple[int, int]:
    """Return the bytes between which a chain of clamps keeps its result."""
    if not chain:
        return 0, kind.most
    least, most = function_bytes(chain, np.array([-np.inf, np.inf]), kind).tolist()
    return least, most


def saturating(chain: Sequence[Map], kind: Bytes) -> tuple[int | None, int | None]:
    """Return the bytes below and above which a chain of clamps saturates; None where a function itself ends there, as ReLU does."""
    if not chain:
        return 0, kind.most
    beyond = _beyond(chain, np.array([-np.inf, np.inf]), kind)
    return 0 if beyond[0] else None, kind.most if beyond[1] else None


def _saturating_indices(chain: Sequence[Map], low: float, step: float, kind: Bytes) -> tuple[int | None, int | None]:
    """Return the indices below and above which the function leaves its bytes and stays outside; None where it does not."""
    indices = np.arange(-BESIDE, TABLE_SIZE + BESIDE)
    beyond = _beyond(chain, low + step * indices.astype(np.float64), kind)
    within = indices[~beyond]
    if not len(within):
        return None, int(indices[0]) - 1
    return int(within[0]) if beyond[0] else None, int(within[-1]) if beyond[-1] else None


def _beyond(chain: Sequence[Map], points: Doubles, kind: Bytes) -> NDArray[np.bool_]:
    """Tell for arguments [n] whether the chain's result is more than half a step beyond its bytes [n]; NaN is not."""
    with np.errstate(all="ignore"):
        steps = _results(chain, points) / kind.scale + kind.zero
        beyond: NDArray[np.bool_] = (steps < -0.5) | (steps > kind.most + 0.5)
    return beyond


def _fixed_point(unit: Doubles, low: float, step: float) -> tuple[Integers, int, int]:
    """index = round((sum * unit - low) / step) as (sum * multiplier + offset) >> shift: return the three."""
    ratio = unit / step
    shift = min(SHIFT_MOST, MULTIPLIER_BITS - _bits(float(ratio.max())), OFFSET_BITS - _bits(abs(low) / step + 1))
    shift = max(shift, 1)  # where a step of the sums is worth more than all bytes, whatever it is becomes the last one
    multiplier = np.minimum(np.rint(ratio * 2.0**shift), 2.0**MULTIPLIER_BITS).astype(np.int64)
    offset = round(-low / step * 2.0**shift) + (1 << (shift - 1))
    return multiplier, offset, shift


def _bits(number: float) -> int:
    """Return the least k with number <= 2^k. Exact: logarithms of C libraries differ."""
    mantissa, exponent = frexp(number)
    return exponent - (mantissa == 0.5)


def is_steep(chain: Sequence[Map], before: Range, kind: Bytes) -> bool:
    """Tell whether the elementwise functions of `chain` are steeper than a table of indices shows, as a logarithm of power is.

    A jump, which is one however fine the table, is not steep.
    """
    low, high = _where_bytes_change(chain, before, kind)
    points = np.clip(np.linspace(low, high, TABLE_SIZE), before.low, before.high)
    changes = np.abs(np.diff(function_bytes(chain, points, kind)))
    steep = np.flatnonzero(changes > STEEPEST)
    between = [np.linspace(points[at], points[at + 1], FINER) for at in steep]
    return any(
        np.abs(np.diff(function_bytes(chain, finer, kind))).max() <= changes[at] / 2
        for at, finer in zip(steep, between, strict=True)
    )


def _where_bytes_change(chain: Sequence[Map], before: Range, kind: Bytes) -> tuple[float, float]:
    """Return the part of the calibrated range, and a quarter on each side of it, outside which the function's byte is constant."""
    margin = (before.high - before.low) / 4
    points = np.linspace(before.low - margin, before.high + margin, SEARCH_POINTS)
    changes = np.flatnonzero(np.diff(function_bytes(chain, points, kind)))
    if not len(changes):
        return before.low, before.low + 1.0
    return float(points[changes[0]]), float(points[changes[-1] + 1])


def function_bytes(chain: Sequence[Map], points: Doubles, kind: Bytes) -> Integers:
    """Return the bytes [n] of the chain for arguments `points` [n]; its maps have one argument and numbers that hold for every column."""
    return byte_of(_results(chain, points), kind)


def _results(chain: Sequence[Map], points: Doubles) -> Doubles:
    values: dict[Value, Floats] = {chain[0].inputs[0]: points.astype(np.float32)}
    with np.errstate(all="ignore"):
        for node in chain:
            values[node.output] = node.apply(values).astype(np.float32)
    return values[chain[-1].output].astype(np.float64)
