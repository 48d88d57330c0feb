"""The rules of running error bounds, held against exact rational arithmetic and against float32 in every order."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from torchferry.bounds import error_bound as rules
from torchferry.bounds.error_bound import Bounded, constant, convert, exact
from torchferry.bounds.rounding import UNIT, Float64

SIZES = st.floats(-100, 100, width=32, allow_subnormal=False)


def fractions(values: Float64) -> list[Fraction]:
    return [Fraction(float(value)) for value in values.ravel()]


def float32_dot(products: np.ndarray[tuple[int, ...], np.dtype[np.float32]], order: list[int]) -> float:
    total = np.float32(0)
    for index in order:
        total = np.float32(total + products[index])
    return float(total)


def pairwise(values: list[np.float32]) -> np.float32:
    middle = len(values) // 2
    return values[0] if len(values) == 1 else np.float32(pairwise(values[:middle]) + pairwise(values[middle:]))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 40))
def test_a_float32_dot_product_in_any_order_is_within_the_bound_of_the_exact_one(data: st.DataObject, count: int) -> None:
    x = data.draw(arrays(np.float32, count, elements=SIZES))
    w = data.draw(arrays(np.float32, count, elements=SIZES))
    order = data.draw(st.permutations(range(count)))
    bounded = rules.linear(exact(x[np.newaxis]), w[np.newaxis].astype(np.float64), None)
    truth = sum((a * b for a, b in zip(fractions(x), fractions(w), strict=True)), Fraction(0))
    products = x * w
    signs_apart = sorted(range(count), key=lambda index: -float(products[index]))
    results = [float32_dot(products, list(order)), float32_dot(products, signs_apart), float(pairwise(list(products)))]
    assert all(abs(Fraction(result) - truth) <= Fraction(float(bounded.error[0, 0])) for result in results)


def test_the_bound_of_a_sum_is_met_by_an_adverse_order() -> None:
    """Not a bound that nothing comes near: 1 and then many halves of its last bit are lost one by one."""
    count = 1000
    x = np.array([1.0] + [2.0**-24] * count, np.float32)
    lost = abs(float32_dot(x, list(range(count + 1))) - (1 + count * 2.0**-24))
    bound = float(rules.linear(exact(x[np.newaxis]), np.ones((1, count + 1)), None).error[0, 0])
    assert lost == count * 2.0**-24
    assert lost <= bound <= 3 * lost


ADVERSE = np.array([1.0] + [2.0**-24] * 1000, np.float32)  # from the left each small term is lost


def test_partial_sums_that_cancel_at_the_end_round_all_the_same() -> None:
    x = np.append(ADVERSE, np.float32(-1))
    assert float32_dot(x, list(range(len(x)))) == 0, "the exact sum is 1000 * 2^-24"
    assert float(rules.linear(exact(x[np.newaxis]), np.ones((1, len(x))), None).error[0, 0]) >= 1000 * 2.0**-24


def test_a_bias_takes_part_in_the_partial_sums() -> None:
    small = ADVERSE[np.newaxis, 1:]
    assert float32_dot(ADVERSE, list(range(len(ADVERSE)))) == 1, "the bias first: the exact sum is 1 + 1000 * 2^-24"
    for bias in (1.0, -1.0):
        bounded = rules.linear(exact(bias * small), np.ones((1, 1000)), np.array([bias]))
        assert float(bounded.error[0, 0]) >= 1000 * 2.0**-24


def test_values_of_zero_that_are_not_exact_round() -> None:
    x = np.array([1.0] + [1.5 * 2.0**-24] * 1000, np.float32)  # each sum is rounded up
    bounded = rules.linear(Bounded(np.zeros((1, 1001)), x[np.newaxis].astype(np.float64)), np.ones((1, 1001)), None)
    assert float32_dot(x, list(range(1001))) == 1 + 1000 * 2.0**-23
    assert float(bounded.value[0, 0]) == 0
    assert float(bounded.error[0, 0]) >= 1 + 1000 * 2.0**-23


def test_a_quotient_rounds_twice_where_it_is_a_product_with_the_reciprocal() -> None:
    random = np.random.default_rng(0)
    a, b = random.uniform(1, 2, (2, 100_000)).astype(np.float32)
    truth, bounded = a.astype(np.float64) / b, rules.divide(exact(a), exact(b)).error
    by_reciprocal = np.abs(a * (np.float32(1) / b) - truth)
    assert (np.abs(a / b - truth) <= bounded).all()
    assert (by_reciprocal <= bounded).all()
    assert (by_reciprocal / bounded).max() > 0.6, "nor is the bound much wider than what happens"


@pytest.mark.parametrize("numerator", [0.0, 1.0])
def test_a_quotient_by_what_may_be_zero_has_no_bound(numerator: float) -> None:
    """Nor where the numerator is zero: 0 / 0 is no number."""
    doubtful = Bounded(np.array([1.0, -2.0, 0.5]), np.array([1.0, 2.0, 3.0]))
    assert np.isposinf(rules.divide(exact(np.full(3, numerator, np.float32)), doubtful).error).all()


def test_terms_that_are_zero_do_not_round() -> None:
    x = np.zeros((1, 1000), np.float32)
    x[0, :2] = 3.0, 5.0
    few = rules.linear(exact(x[:, :2]), np.ones((1, 2)), None).error[0, 0]
    assert rules.linear(exact(x), np.ones((1, 1000)), None).error[0, 0] == few


@settings(max_examples=200, deadline=None)
@given(SIZES, SIZES, st.floats(0, 2.0**-10), st.floats(0, 2.0**-10), st.floats(-1, 1), st.floats(-1, 1), st.sampled_from("+-*/"))
@example(0.0, 1.0, 2.0**-10, 0.0, 1.0, 0.0, "*")  # a zero that is only near zero
def test_arithmetic_on_inexact_values_stays_within_its_bound(
    a: float, b: float, ea: float, eb: float, sa: float, sb: float, sign: str
) -> None:
    """Float32 operands anywhere inside their own bounds give a result inside the bound of the result."""
    x, y = np.float32(a + sa * ea), np.float32(b + sb * eb)
    left = Bounded(np.asarray(a), np.asarray(ea + abs(float(x) - (a + sa * ea))))
    right = Bounded(np.asarray(b), np.asarray(eb + abs(float(y) - (b + sb * eb))))
    if sign == "/" and abs(b) <= float(right.error):
        assert np.isinf(rules.divide(left, right).error)
        return
    rule = {"+": rules.add, "-": lambda p, q: rules.add(p, rules.negate(q)), "*": rules.multiply, "/": rules.divide}[sign]
    with np.errstate(all="ignore"):
        result = {"+": x + y, "-": x - y, "*": x * y, "/": x / y}[sign]
    bounded = rule(left, right)
    if np.isfinite(result):
        assert abs(float(result) - float(bounded.value)) <= float(bounded.error) * rules.INFLATION


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 12), st.floats(0, 2.0**-8))
def test_softmax_of_inexact_scores_stays_within_its_bound(data: st.DataObject, count: int, error: float) -> None:
    scores = data.draw(arrays(np.float64, count, elements=st.floats(-30, 30)))
    shift = data.draw(arrays(np.float64, count, elements=st.floats(-1, 1)))
    x = Bounded(scores, np.full(count, error + 32 * UNIT))
    moved = (scores + error * shift).astype(np.float32)
    exponentials = np.exp((moved - moved.max()).astype(np.float32)).astype(np.float32)
    result = exponentials / np.float32(exponentials.sum())
    bounded, logs = rules.softmax(x, 0), rules.log_softmax(x, 0)
    assert (np.abs(result - bounded.value) <= bounded.error * rules.INFLATION).all()
    log_result = (moved - moved.max()) - np.log(exponentials.sum())
    assert (np.abs(log_result - logs.value) <= logs.error * rules.INFLATION).all()


@pytest.mark.parametrize("error", [1e-3, 0.25, 4.0])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_softmax_carries_the_error_of_its_scores_to_the_last_corner(count: int, error: float) -> None:
    """Each probability is largest or smallest at a corner of the box around the scores, in exact real arithmetic."""
    scores = np.linspace(-1.0, 1.0, count)
    x = Bounded(scores, np.full(count, error))
    corners = scores + error * np.array(list(product((-1.0, 1.0), repeat=count)))
    moved = np.exp(corners) / np.exp(corners).sum(axis=1, keepdims=True)
    bounded, logs = rules.softmax(x, 0), rules.log_softmax(x, 0)
    farthest, farthest_log = np.abs(moved - bounded.value).max(axis=0), np.abs(np.log(moved) - logs.value).max(axis=0)
    assert (farthest > 100 * UNIT).all(), "the corners are far beyond what rounding explains"
    assert (farthest <= bounded.error).all()
    assert (farthest_log <= logs.error).all()
    assert (bounded.error <= 1.1 * farthest + 100 * UNIT).all(), "nor is the bound much wider than the corners"


@pytest.mark.parametrize(("value", "error"), [(2.0**24 + 1, 1.0), (2.0**24, 0.0), (255.0, 0.0)])
def test_large_integers_lose_their_last_digits_in_float32(value: float, error: float) -> None:
    assert float(convert(exact(np.asarray(int(value)))).error) == error


def test_a_constant_that_float32_cannot_hold_brings_its_error() -> None:
    assert float(constant(0.1).error) > 0
    assert float(constant(255).error) == 0
