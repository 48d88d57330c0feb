"""Constant vectors that repeat: one number per channel or per column needs no table of the size of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torchferry.cgen.values import Array


@dataclass(frozen=True, eq=False)
class Pattern:
    """A vector of which element j is array[j // run % len(array)]; `wraps`: it comes to its end and starts again."""

    array: Array
    run: int
    wraps: bool

    def index(self, j: str) -> str:
        """Return the C expression of the place of element j."""
        place = j if self.run == 1 else f"{j} / {self.run}"
        return f"{place} % {len(self.array)}" if self.wraps else place


def pattern_of(array: Array) -> Pattern:
    """Return the shortest pattern of a vector [size]; bit patterns count, so that -0 is not 0."""
    bits = np.ascontiguousarray(array).view(np.uint32 if array.dtype.itemsize == 4 else np.uint64)
    changes = np.flatnonzero(bits[1:] != bits[:-1]) + 1
    run = int(np.gcd.reduce([len(bits), *changes.tolist()])) if len(changes) else len(bits)
    heads = bits[::run]
    period = next(p for p in _divisors(len(heads)) if bool((heads.reshape(-1, p) == heads[:p]).all()))
    return Pattern(array[::run][:period], run, period < len(heads))


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})
