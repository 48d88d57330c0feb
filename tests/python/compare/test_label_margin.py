"""Labels near a decision boundary: what is tolerated, and above all what is not."""

from __future__ import annotations

import numpy as np
import pytest

from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Tolerance
from torchferry.compare.label_margin import Scores
from torchferry.compare.verdict import Verdict, compare

BOUND = 0.01
SCORES = np.array([[0.0, 1.0, 0.995], [2.0, 1.0, 0.0], [0.5, 0.1, 0.502]])  # rows 0 and 2 are near ties
LABELS = np.array([1, 0, 2])
ROW = Tolerance(
    engine="onnxruntime",
    device="cpu",
    output="label",
    numerics="any",
    reference="float64",
    kind="label",
    bound=BOUND,
    scores="logits",
    reason="a test",
)


def judge(actual: list[int], *, scores: Array = SCORES, expected: Array = LABELS, axis: int = 1, bound: float = BOUND) -> Verdict:
    row = ROW.model_copy(update={"bound": bound})
    return compare(np.array(actual), expected, row, case="batch-3", allow_nan=False, scores=Scores(scores, axis))


def test_equal_labels_pass_and_near_ties_are_listed() -> None:
    verdict = judge([1, 0, 2])
    assert verdict.passed
    assert (verdict.near_ties, verdict.near_tie_indices, verdict.within_margin) == (2, ((0,), (2,)), 0)


def test_a_disagreement_inside_the_margin_is_tolerated_and_counted() -> None:
    verdict = judge([2, 0, 0])
    assert verdict.passed
    assert (verdict.mismatches, verdict.within_margin) == (0, 2)


def test_a_disagreement_outside_the_margin_fails() -> None:
    verdict = judge([1, 1, 2])
    assert not verdict.passed
    assert (verdict.mismatches, verdict.within_margin) == (1, 0)


def test_a_third_class_is_wrong_even_in_a_near_tie() -> None:
    assert judge([0, 0, 2]).mismatches == 1


@pytest.mark.parametrize("label", [-1, 3, 2**40])
def test_a_class_that_does_not_exist_is_wrong(label: int) -> None:
    assert judge([label, 0, 2]).mismatches == 1


def test_an_expected_label_that_the_scores_contradict_tolerates_nothing() -> None:
    assert judge([1, 0, 2], expected=np.array([0, 0, 2])).mismatches == 1


def test_nan_scores_tolerate_nothing() -> None:
    scores = SCORES.copy()
    scores[0] = np.nan
    verdict = judge([2, 0, 2], scores=scores)
    assert (verdict.mismatches, verdict.near_ties) == (1, 1)


def test_a_bound_of_zero_tolerates_exact_ties_only() -> None:
    tied = np.array([[0.0, 1.0, 1.0], [2.0, 1.0, 0.0], [0.5, 0.1, 0.502]])
    assert judge([2, 0, 2], scores=tied, bound=0.0).within_margin == 1
    assert judge([2, 0, 2], bound=0.0).mismatches == 1


@pytest.mark.parametrize(("apart", "tied"), [(0.25, True), (np.nextafter(0.25, 1), False)])
def test_scores_exactly_the_bound_apart_are_a_near_tie_and_one_step_more_are_none(apart: float, tied: bool) -> None:
    scores = np.array([[-9.0, apart, 0.0]])
    verdict = judge([2], scores=scores, expected=np.array([1]), bound=0.25)
    assert (verdict.near_ties, verdict.within_margin, verdict.passed) == ((1, 1, True) if tied else (0, 0, False))


def test_classes_may_stand_on_any_axis() -> None:
    scores = np.moveaxis(np.stack([SCORES, SCORES[::-1]]), 2, 1)  # [2, classes, 3]
    labels = np.stack([LABELS, LABELS[::-1]])
    row = ROW.model_copy(update={"bound": BOUND})
    actual = labels.copy()
    actual[1, 0] = 0  # the near tie of SCORES[2]
    verdict = compare(actual, labels, row, case="batch-2", allow_nan=False, scores=Scores(scores, 1))
    assert verdict.passed
    assert verdict.near_tie_indices == ((0, 0), (0, 2), (1, 0), (1, 2))


def test_missing_or_misshaped_scores_compare_nothing() -> None:
    missing = compare(LABELS, LABELS, ROW, case="batch-3", allow_nan=False)
    misshaped = judge([1, 0, 2], scores=SCORES[:2])
    assert not missing.passed
    assert "scores" in str(missing.problem)
    assert not misshaped.passed
    assert "scores" in str(misshaped.problem)


def test_other_kinds_forgive_no_label() -> None:
    row = ROW.model_copy(update={"kind": "absolute", "bound": 0.0, "scores": None})
    assert compare(np.array([2, 0, 2]), LABELS, row, case="batch-3", allow_nan=False).mismatches == 1
