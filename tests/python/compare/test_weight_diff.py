"""Weights by name."""

from __future__ import annotations

import numpy as np

from torchferry.compare.weight_diff import WeightDiff, diff_weights


def test_equal_weights_differ_nowhere_and_nan_equals_nan() -> None:
    weights = {"fc.weight": np.array([1, np.nan], np.float32), "fc.count": np.array(3)}
    found = diff_weights(weights, dict(weights))
    assert (found.compared, found.differing, found.only_first, found.only_second) == (2, (), (), ())


def test_a_changed_element_is_told_with_its_layer_and_size() -> None:
    before = {"net.fc.weight": np.zeros((2, 3), np.float32)}
    after = {"net.fc.weight": np.zeros((2, 3), np.float32)}
    after["net.fc.weight"][1, 2] = 0.5
    assert diff_weights(before, after).differing == (WeightDiff("net.fc", "weight", 1, 6, 0.5),)


def test_another_shape_or_dtype_is_a_problem_and_not_a_number() -> None:
    before = {"weight": np.zeros(2, np.float32), "bias": np.zeros(2, np.float32)}
    after = {"weight": np.zeros(3, np.float32), "bias": np.zeros(2)}
    assert [entry.problem for entry in diff_weights(before, after).differing] == [
        "got float32[3], expected float32[2]",
        "got float64[2], expected float32[2]",
    ]


def test_names_of_one_side_only_are_listed() -> None:
    found = diff_weights({"a": np.zeros(1), "b": np.zeros(1)}, {"b": np.zeros(1), "c": np.zeros(1)})
    assert (found.only_first, found.only_second) == (("a",), ("c",))
