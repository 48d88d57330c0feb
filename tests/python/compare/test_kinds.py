"""The rules of each kind of tolerance: which rows are none of this kind, and which contradict what stands beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from builders.contracts import spec
from torchferry.bundle.manifest import Tolerance
from torchferry.compare.kinds import KindName, kind_of
from torchferry.compare.kinds.kind import naming_problem

OUTPUTS = {
    "logits": spec("logits", shape=("N", 3)),
    "square": spec("square", shape=("N", "N2", "N2")),
    "other": spec("other", shape=("N", 3, 2)),
    "counts": spec("counts", "int64", ("N", 3)),
    "label": spec("label", "int64", ("N",)),
}


def row(kind: KindName, **changes: Any) -> Tolerance:
    """A row that breaks no rule, with changes that are not checked when it is made."""
    bound = changes.get("bound", {"bits": 0.0, "absolute": 0.25, "label": 0.5}[kind])
    fields: dict[str, Any] = {
        "engine": "e",
        "device": "cpu",
        "output": "label" if kind == "label" else "logits",
        "numerics": "any",
        "reference": "float32" if kind == "bits" else "float64",
        "kind": kind,
        "bound": bound,
        "scores": "logits" if kind == "label" else None,
        "reason": f"at most {bound!r}: a test" if bound else "a test",
    }
    return Tolerance.model_construct(**{**fields, **changes})


def bundle_problem(tried: Tolerance, bound: float | None = 0.25) -> str | None:
    return kind_of(tried.kind).bundle_problem(tried, OUTPUTS, {"logits": bound, "counts": bound, "other": bound}.get)


@pytest.mark.parametrize("kind", ["bits", "absolute", "label"])
def test_a_right_row_breaks_no_rule(kind: KindName) -> None:
    assert kind_of(kind).row_problem(row(kind)) is None
    assert bundle_problem(row(kind)) is None


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("bits", {"bound": 0.5}, "bound: got 0.5, expected 0"),
        ("bits", {"reference": "float64"}, 'reference: got "float64"'),
        ("bits", {"scores": "logits"}, "scores"),
        ("absolute", {"scores": "logits"}, "scores"),
        ("label", {"reference": "float32"}, "reference"),
        ("label", {"scores": None}, "scores"),
    ],
)
def test_a_row_of_another_form_is_none_of_its_kind(kind: KindName, changes: dict[str, Any], words: str) -> None:
    assert words in str(kind_of(kind).row_problem(row(kind, **changes)))


@pytest.mark.parametrize(
    ("tried", "words"),
    [
        (row("absolute", output="counts"), "bound: got 0.25, expected 0 for int64"),
        (row("absolute", reason="at most 0.125: a test"), "reason"),
        (row("absolute", reason="a test"), "reason"),
        (row("label", reason="at most 0.25: a test"), "reason"),
        (row("label", output="logits"), "kind: got label for float32"),
        (row("label", scores="counts"), "scores: got counts"),
        (row("label", scores="other"), "scores: got other"),
        (row("label", scores="nobody"), "scores: got nobody"),
        (row("label", bound=0.75), "bound: got 0.75, expected twice the bound of logits"),
        (row("label", bound=0.25), "bound: got 0.25, expected twice the bound of logits"),
    ],
)
def test_a_row_that_contradicts_the_bundle_is_refused(tried: Tolerance, words: str) -> None:
    assert words in str(bundle_problem(tried))


def test_a_label_needs_the_bound_of_its_scores() -> None:
    assert "twice the bound" in str(bundle_problem(row("label"), bound=None))


def test_scores_without_exactly_one_class_axis_are_no_scores() -> None:
    square = spec("square", shape=(3, 3))
    label = spec("label", "int64", (3,))
    tried = row("label", scores="square")
    assert square.class_axis(label) is None
    problem = kind_of("label").bundle_problem(tried, {"square": square, "label": label}, lambda _: 0.25)
    assert "scores" in str(problem)


@pytest.mark.parametrize(
    ("bound", "reason", "is_right"),
    [
        (0.25, "at most 0.25: why", True),
        (0.25, "at most 0.250: why", True),
        (0.25, "at most 0.5: why", False),
        (0.25, "why", False),
        (0.0, "why", True),
        (0.0, "at most 0: why", False),
    ],
)
def test_a_reason_names_its_own_bound(bound: float, reason: str, is_right: bool) -> None:
    assert (naming_problem(row("absolute", bound=bound, reason=reason)) is None) is is_right


def test_no_label_is_equal_because_it_is_near_another() -> None:
    """The bound of a label is a distance between scores."""
    labels, others = np.array([1, 2]), np.array([1, 3])
    found = kind_of("label").agrees(others, labels, np.array([0.0, 1.0]), 5.0)
    assert found.tolist() == [True, False]


def test_bits_tell_zeros_apart_and_let_no_nan_pass() -> None:
    actual, expected = np.array([0.0, np.nan, 1.0], np.float32), np.array([-0.0, np.nan, 1.0], np.float32)
    assert kind_of("bits").agrees(actual, expected, np.array([0.0, np.inf, 0.0]), 0.0).tolist() == [False, False, True]
