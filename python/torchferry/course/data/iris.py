"""Iris as the lecture on ADALINE uses it (STAT 453, L6.4): two features, two species."""

from __future__ import annotations

import torch

from torchferry.course.data.dataset import Dataset

SEED = 123
SEPAL_WIDTH_AND_PETAL_LENGTH = slice(1, 3)
VERSICOLOR_AND_VIRGINICA = slice(50, 150)
TRAIN_SIZE = 70


def load_iris() -> Dataset:
    """Load versicolor (0) and virginica (1) by sepal width and petal length in cm, float32 [70, 2] and [30, 2].

    The lecture permutes the rows twice with the same permutation: once to shuffle, once to split. It is kept, because the
    published numbers belong to exactly these 70 rows.
    """
    from sklearn import datasets  # here, because it takes a second to import

    bunch = datasets.load_iris()
    inputs = torch.tensor(bunch.data[VERSICOLOR_AND_VIRGINICA, SEPAL_WIDTH_AND_PETAL_LENGTH], dtype=torch.float32)
    targets = torch.tensor(bunch.target[VERSICOLOR_AND_VIRGINICA], dtype=torch.int64) - 1
    permutation = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(SEED))
    inputs, targets = inputs[permutation], targets[permutation]
    train, test = permutation[:TRAIN_SIZE], permutation[TRAIN_SIZE:]
    return Dataset(
        name="iris",
        description="Iris (Fisher, 1936; scikit-learn's copy), rows 50-149",
        train_inputs=inputs[train],
        train_targets=targets[train],
        test_inputs=inputs[test],
        test_targets=targets[test],
        class_names=("versicolor", "virginica"),
        input_name="measurements",
        input_range=(0.0, 10.0),
        input_unit="cm",
    )
