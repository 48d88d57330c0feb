"""Verdicts: examples worked out by hand, and a slow reference in plain Python that shares nothing with the code under test."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchferry.bundle.manifest import Tolerance
from torchferry.compare.verdict import Verdict, Worst, compare

INF, NAN = math.inf, math.nan
STEP = np.float32(2.0**-23)  # from 1.0 to the next float32


def row(kind: str = "absolute", bound: float = 0.0, reference: str | None = None) -> Tolerance:
    chosen = reference or ("float32" if kind == "bits" else "float64")
    fields = {"engine": "e", "device": "cpu", "output": "y", "numerics": "any", "reference": chosen, "reason": "a test"}
    return Tolerance.model_validate({**fields, "kind": kind, "bound": bound, "scores": None})


def verdict_of(
    actual: object, expected: object, *, kind: str = "absolute", bound: float = 0.0, allow_nan: bool = False, dtype: str = "f4"
) -> Verdict:
    """Compare with a golden of the reference's dtype: float64 for an absolute tolerance of a float output."""
    golden = "f8" if kind == "absolute" and dtype == "f4" else dtype
    return compare(np.array(actual, dtype), np.array(expected, golden), row(kind, bound), case="batch-1", allow_nan=allow_nan)


def test_evidence_of_a_failure_is_complete() -> None:
    verdict = verdict_of([[1.0, 2.0], [3.0, 5.0]], [[1.0, 2.5], [3.0, 4.0]], bound=0.5)
    assert (verdict.case, verdict.output, verdict.passed) == ("batch-1", "y", False)
    assert (verdict.compared, verdict.mismatches) == (4, 1)
    assert verdict.max_abs == 1.0
    assert verdict.max_rel == 0.25
    assert verdict.max_ulp == 2**21  # from 4 to 5 are 1 / 2^-21 steps
    assert verdict.worst == Worst((1, 1), 5.0, 4.0)
    assert verdict.problem is None


def test_a_difference_of_exactly_the_bound_passes_and_one_above_does_not() -> None:
    assert verdict_of([1.5], [1.0], bound=0.5).passed
    assert not verdict_of([1.5], [1.0], bound=math.nextafter(0.5, 0)).passed


def test_the_first_of_equal_differences_is_the_worst() -> None:
    assert verdict_of([1.0, 3.0, 1.0], [2.0, 2.0, 2.0], bound=1).worst == Worst((0,), 1.0, 2.0)


@pytest.mark.parametrize("kind", ["absolute", "bits"])
@pytest.mark.parametrize(
    ("actual", "expected", "allow_nan", "passes"),
    [
        (NAN, 1.0, False, False),
        (1.0, NAN, False, False),
        (NAN, 1.0, True, False),
        (1.0, NAN, True, False),
        (NAN, NAN, False, False),
        (NAN, NAN, True, True),
        (NAN, INF, True, False),
    ],
)
def test_nan_matches_nothing_but_an_allowed_nan(kind: str, actual: float, expected: float, allow_nan: bool, passes: bool) -> None:
    verdict = verdict_of([actual], [expected], kind=kind, allow_nan=allow_nan)
    assert verdict.passed is passes
    assert verdict.max_abs == (0 if passes else INF)
    assert verdict.max_rel == (0 if passes else INF)


@pytest.mark.parametrize(
    ("actual", "expected", "passes"), [(INF, INF, True), (-INF, -INF, True), (INF, -INF, False), (INF, 3e38, False)]
)
def test_infinities_match_only_themselves(actual: float, expected: float, passes: bool) -> None:
    verdict = verdict_of([actual], [expected], bound=1e308)
    assert verdict.passed is passes
    assert verdict.max_ulp == (0 if passes else INF)


def test_a_golden_beyond_float32_is_infinitely_many_steps_away() -> None:
    assert verdict_of([3e38], [1e39], bound=1e308).max_ulp == INF


def test_steps_are_counted_across_zero_and_both_zeros_are_one() -> None:
    tiny = float(np.nextafter(np.float32(0), np.float32(1)))
    assert verdict_of([tiny], [-tiny], kind="bits").max_ulp == 2
    assert verdict_of([0.0], [-tiny], kind="bits").max_ulp == 1
    assert verdict_of([-0.0], [0.0], kind="bits").max_ulp == 0
    assert verdict_of([1.0], [1.0 + STEP], kind="bits").max_ulp == 1
    assert verdict_of([3.4028235e38], [-3.4028235e38], kind="bits").max_ulp == 2 * 0x7F7FFFFF


def test_bits_tell_the_two_zeros_apart_and_a_bound_of_zero_does_not() -> None:
    assert not verdict_of([-0.0], [0.0], kind="bits").passed
    assert verdict_of([-0.0], [0.0]).passed


def test_bits_of_another_nan_differ() -> None:
    payload = np.frombuffer(struct.pack("<I", 0x7FC00001), "<f4")
    verdict = compare(payload, np.array([NAN], "f4"), row("bits"), case="c", allow_nan=True)
    assert not verdict.passed


def test_an_expected_zero_has_no_relative_difference_but_infinity() -> None:
    assert verdict_of([1e-30], [0.0], bound=1).max_rel == INF
    assert verdict_of([0.0], [0.0], bound=1).max_rel == 0


def test_integers_beyond_float64_are_compared_exactly() -> None:
    verdict = verdict_of([2**53 + 1], [2**53], dtype="i8")
    assert not verdict.passed
    assert (verdict.max_abs, verdict.max_ulp) == (1, 1)
    lowest, highest = -(2**63), 2**63 - 1
    assert verdict_of([lowest], [highest], dtype="i8").max_abs == 2.0**64


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "i2", "i4", "i8"])
def test_integers_and_bools_count_their_distance(dtype: str) -> None:
    verdict = verdict_of([1, 0, 1], [1, 1, 0], dtype=dtype)
    assert (verdict.mismatches, verdict.max_abs, verdict.max_ulp) == (2, 1, 1)
    assert verdict.worst == Worst((1,), 0.0, 1.0)


@pytest.mark.parametrize(
    ("actual", "expected", "problem"),
    [
        (None, np.zeros(3), "got no such output, expected it"),
        (np.zeros(3, "f4"), np.zeros(4), "shape: got [3], expected [4]"),
        (np.zeros((3, 1), "f4"), np.zeros(3), "shape: got [3,1], expected [3]"),
        (np.zeros((), "f4"), np.zeros(1), "shape: got [], expected [1]"),
        (np.zeros(3, "i4"), np.zeros(3, "i8"), "dtype: got int32, expected int64"),
        (np.zeros(3, "i8"), np.zeros(3, "f8"), "dtype: got int64, expected float64"),
        (np.zeros((0, 10), "f4"), np.zeros((0, 10)), "got zero elements, expected at least one to compare"),
    ],
    ids=["missing", "shorter", "broadcast", "scalar", "int", "int for float", "empty"],
)
def test_what_cannot_be_compared_fails_with_the_reason(actual: np.ndarray | None, expected: np.ndarray, problem: str) -> None:
    verdict = compare(actual, expected, row(bound=1e9), case="c", allow_nan=True)
    assert not verdict.passed
    assert verdict.problem == problem
    assert (verdict.compared, verdict.worst) == (0, None)


def test_only_a_float64_reference_may_be_wider_than_the_output() -> None:
    wide, narrow = np.ones(1), np.ones(1, "f4")
    assert compare(narrow, wide, row(), case="c", allow_nan=False).passed
    assert not compare(narrow, wide, row(reference="float32"), case="c", allow_nan=False).passed
    assert not compare(wide, narrow, row(), case="c", allow_nan=False).passed


def test_layout_in_memory_is_no_difference() -> None:
    values = np.arange(6, dtype="f4").reshape(2, 3)
    assert compare(np.asfortranarray(values), values, row("bits"), case="c", allow_nan=False).passed
    assert compare(values[:, ::-1], np.ascontiguousarray(values[:, ::-1]), row("bits"), case="c", allow_nan=False).passed


def test_scalars_are_compared() -> None:
    for kind in ("bits", "absolute"):
        assert verdict_of(1.0, 1.0, kind=kind).passed
        verdict = verdict_of(1.0, 2.0, kind=kind)
        assert (verdict.compared, verdict.mismatches, verdict.worst) == (1, 1, Worst((), 1.0, 2.0))


# ---- a slow reference -------------------------------------------------------------------------------------------------

SPECIAL = [0.0, -0.0, INF, -INF, NAN, 1.0, 1.0 + float(STEP), -1.0, 2.0**-149, 3.4028234663852886e38]
FLOATS = st.one_of(st.sampled_from(SPECIAL), st.floats(width=32))


def exact_difference(actual: float, expected: float, *, allow_nan: bool) -> Fraction | float:
    if math.isnan(actual) or math.isnan(expected):
        return 0 if math.isnan(actual) and math.isnan(expected) and allow_nan else INF
    if math.isinf(actual) or math.isinf(expected):
        return 0 if actual == expected else INF
    return abs(Fraction(actual) - Fraction(expected))


def float32_bits(value: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def rank_of(value: float) -> int:
    """The place of a float32 among all of them, zero at 0."""
    bits = float32_bits(value)
    return bits if bits < 2**31 else 2**31 - bits


def exact_steps(actual: float, expected: float) -> float:
    if actual == expected or (math.isnan(actual) and math.isnan(expected)):
        return 0
    return abs(rank_of(actual) - rank_of(expected)) if math.isfinite(actual) and math.isfinite(expected) else INF


@settings(max_examples=300)
@given(
    pairs=st.lists(st.tuples(FLOATS, FLOATS) | FLOATS.map(lambda x: (x, x)), min_size=1, max_size=8),
    bound=st.sampled_from([0.0, 2.0**-149, 1e-7, 0.5, 1.0, 1e30]),
    kind=st.sampled_from(["absolute", "bits"]),
    allow_nan=st.booleans(),
)
def test_a_verdict_is_what_plain_python_finds(pairs: list[tuple[float, float]], bound: float, kind: str, allow_nan: bool) -> None:
    verdict = compare(
        np.array([actual for actual, _ in pairs], "f4"),
        np.array([expected for _, expected in pairs], "f4"),
        row(kind, 0.0 if kind == "bits" else bound, "float32"),
        case="c",
        allow_nan=allow_nan,
    )
    exact = [exact_difference(actual, expected, allow_nan=allow_nan) for actual, expected in pairs]
    rounded = [float(value) for value in exact]
    if kind == "bits":
        passes = [float32_bits(a) == float32_bits(b) and value == 0 for (a, b), value in zip(pairs, rounded, strict=True)]
    else:
        passes = [value <= bound for value in rounded]
    assert verdict.mismatches == passes.count(False)
    assert verdict.passed is all(passes)
    assert verdict.max_abs == max(rounded)
    assert verdict.max_ulp == max(exact_steps(*pair) for pair in pairs)
    assert verdict.worst is not None
    assert verdict.worst.index == (rounded.index(max(rounded)),)
