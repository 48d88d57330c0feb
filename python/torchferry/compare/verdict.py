"""A verdict: pass or fail of one output, with its evidence (FORMAT.md section 9). The C++ twin is cpp/src/compare.cpp."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Array
from torchferry.bundle.dtype import dtype_of, holds_floats, rounded
from torchferry.bundle.float_mode import ieee_arithmetic
from torchferry.bundle.manifest import Tolerance
from torchferry.compare.kinds import kind_of
from torchferry.compare.label_margin import Scores
from torchferry.limits import MAX_NEAR_TIE_INDICES

_ORDERED = {2: np.int16, 4: np.int32, 8: np.int64}


@dataclass(frozen=True)
class Worst:
    """The first element with the largest difference."""

    index: tuple[int, ...]
    actual: float
    expected: float


@dataclass(frozen=True)
class Verdict:
    """What the comparison of one output of one golden case found."""

    case: str
    output: str
    passed: bool
    tolerance: Tolerance
    compared: int
    mismatches: int
    max_abs: float
    max_rel: float
    max_ulp: float
    worst: Worst | None
    problem: str | None
    near_ties: int = 0
    near_tie_indices: tuple[tuple[int, ...], ...] = ()
    within_margin: int = 0
    call: int = 1  # of the session with that case, from 1
    other_kernels_ulp: float | None = (
        None  # float steps from the float32 golden, where other kernels than its own spare it equal bits
    )

    @property
    def where(self) -> str:
        """`batch-64`, and `batch-64 #2` of the second call."""
        return self.case if self.call == 1 else f"{self.case} #{self.call}"


@ieee_arithmetic()
def compare(
    actual: Array | None, expected: Array, tolerance: Tolerance, *, case: str, allow_nan: bool, scores: Scores | None = None
) -> Verdict:
    """Compare one output with its golden, which must have the same shape.

    `actual` None: the engine did not give it. `scores`: what kind `label` needs.
    """
    problem = _structural_problem(actual, expected, tolerance) or _scores_problem(expected, tolerance, scores)
    if problem is not None or actual is None:
        return Verdict(case, tolerance.output, False, tolerance, 0, 0, 0.0, 0.0, 0.0, None, problem)
    diff = differences(actual, expected, allow_nan=allow_nan)
    equal = kind_of(tolerance.kind).agrees(actual, expected, diff, tolerance.bound)
    margin = _no_margin(equal) if scores is None else _margin(actual, expected, equal, tolerance, scores)
    mismatches = int(np.count_nonzero(~equal & ~margin.tolerated))
    return Verdict(
        case=case,
        output=tolerance.output,
        passed=mismatches == 0,
        tolerance=tolerance,
        compared=diff.size,
        mismatches=mismatches,
        max_abs=float(diff.max()),
        max_rel=float(_relative(diff, expected).max()),
        max_ulp=_max_ulp(actual, expected),
        worst=_worst(diff, actual, expected),
        problem=None,
        near_ties=int(np.count_nonzero(margin.near_ties)),
        near_tie_indices=_first_indices(margin.near_ties),
        within_margin=int(np.count_nonzero(margin.tolerated)),
    )


def differences(actual: Array, expected: Array, *, allow_nan: bool) -> NDArray[np.float64]:
    """Return abs(actual - expected) as float64, in their shape; 0 for equal infinities, infinite where NaN meets anything (or NaN, unless allowed)."""
    if not holds_floats(actual):
        return _distance(actual, expected)
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        diff = np.where(a == b, 0.0, np.abs(a - b))
    both, one = np.isnan(a) & np.isnan(b), np.isnan(a) ^ np.isnan(b)
    diff[one] = np.inf
    diff[both] = 0.0 if allow_nan else np.inf
    return np.asarray(diff, dtype=np.float64)


@dataclass(frozen=True)
class _Margin:
    near_ties: NDArray[np.bool_]
    tolerated: NDArray[np.bool_]


def _no_margin(equal: NDArray[np.bool_]) -> _Margin:
    return _Margin(np.zeros_like(equal), np.zeros_like(equal))


def _margin(actual: Array, expected: Array, equal: NDArray[np.bool_], tolerance: Tolerance, scores: Scores) -> _Margin:
    tolerated = ~equal & scores.tolerates(actual, expected, tolerance.bound)
    return _Margin(scores.near_ties(tolerance.bound), tolerated)


def _first_indices(mask: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(i) for i in index) for index in np.argwhere(mask)[:MAX_NEAR_TIE_INDICES])


def _scores_problem(expected: Array, tolerance: Tolerance, scores: Scores | None) -> str | None:
    if not kind_of(tolerance.kind).needs_scores:
        return None
    return "got no golden scores, expected those of the label" if scores is None else scores.problem(expected)


def _structural_problem(actual: Array | None, expected: Array, tolerance: Tolerance) -> str | None:
    if actual is None:
        return "got no such output, expected it"
    dtype = expected.dtype
    if dtype == np.float64 and tolerance.reference == "float64" and holds_floats(actual):
        dtype = actual.dtype
    if actual.dtype != dtype:
        return f"dtype: got {actual.dtype.name}, expected {expected.dtype.name}"
    if actual.shape != expected.shape:
        return f"shape: got {_shape(actual)}, expected {_shape(expected)}"
    if actual.size == 0:
        return "got zero elements, expected at least one to compare"
    return None


def _relative(diff: NDArray[np.float64], expected: Array) -> NDArray[np.float64]:
    size = np.abs(expected.astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(diff == 0, 0.0, np.where(np.isfinite(diff), diff / size, np.inf)), dtype=np.float64)


def _max_ulp(actual: Array, expected: Array) -> float:
    """Return the largest number of float steps between the two, `expected` rounded to `actual`'s dtype; infinite where NaN or infinity differ."""
    if not holds_floats(actual):
        return float(_distance(actual, expected).max())
    near = rounded(expected.astype(np.float64), dtype_of(actual))
    equal = (actual == near) | (np.isnan(actual) & np.isnan(near))
    if not (equal | (np.isfinite(actual) & np.isfinite(near))).all():
        return math.inf
    return float(np.where(equal, 0, _distance(_ordered(actual), _ordered(near))).max())


def _distance(actual: Array, expected: Array) -> NDArray[np.float64]:
    """abs(actual - expected) of integers, exact before it becomes a float64."""
    a, b = actual.astype(np.int64), expected.astype(np.int64)
    return np.asarray(np.maximum(a, b).view(np.uint64) - np.minimum(a, b).view(np.uint64), dtype=np.float64)


def _ordered(values: Array) -> Array:
    """Floats as integers in the same order: neighbours differ by 1, and both zeros are 0."""
    signed = np.asarray(values, order="C").view(_ORDERED[values.dtype.itemsize]).astype(np.int64)
    lowest = -(2 ** (8 * values.dtype.itemsize - 1))
    return np.where(signed >= 0, signed, lowest - signed)


def _worst(diff: NDArray[np.float64], actual: Array, expected: Array) -> Worst:
    index = tuple(int(i) for i in np.unravel_index(int(diff.argmax()), diff.shape))
    return Worst(index, float(actual[index]), float(expected[index]))


def _shape(array: Array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
