"""Iris, row by row as the lecture took it."""

from __future__ import annotations

import torch
from sklearn import datasets

from torchferry.course.data import load_dataset


def test_rows_are_those_of_the_lecture():
    bunch = datasets.load_iris()
    features = torch.tensor(bunch.data[50:150, [1, 2]], dtype=torch.float32)
    torch.manual_seed(123)
    permutation = torch.randperm(100)
    shuffled = features[permutation]
    iris = load_dataset("iris")
    assert torch.equal(iris.train_inputs, shuffled[permutation[:70]])
    assert torch.equal(iris.test_inputs, shuffled[permutation[70:]])


def test_inputs_are_float32_centimetres_and_targets_are_classes():
    iris = load_dataset("iris")
    assert (iris.train_inputs.dtype, iris.train_inputs.shape, iris.test_inputs.shape) == (torch.float32, (70, 2), (30, 2))
    assert torch.cat([iris.train_targets, iris.test_targets]).bincount().tolist() == [50, 50]
    low, high = iris.input_range
    assert low <= iris.train_inputs.min() < iris.train_inputs.max() <= high
    assert iris.input_unit == "cm"


def test_loading_does_not_touch_the_global_random_stream():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_dataset("iris")
    assert torch.equal(torch.rand(3), expected)
