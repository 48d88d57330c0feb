"""The 1,797 handwritten digits that come with scikit-learn: 8 x 8 grey levels from 0 to 16."""

from __future__ import annotations

import torch

from torchferry.course.data.dataset import Dataset

SEED = 1
TEST_FRACTION = 0.2


def load_digits() -> Dataset:
    """Load the digits as uint8 [1437, 8, 8] and [360, 8, 8], each class split 80 : 20 with a fixed seed."""
    from sklearn import datasets  # here, because it takes a second to import
    from sklearn.model_selection import train_test_split

    bunch = datasets.load_digits()
    train_inputs, test_inputs, train_targets, test_targets = train_test_split(
        bunch.images, bunch.target, test_size=TEST_FRACTION, stratify=bunch.target, random_state=SEED
    )
    return Dataset(
        name="digits",
        description="digits (E. Alpaydin, C. Kaynak; scikit-learn's copy), 20 % held out by class",
        train_inputs=torch.from_numpy(train_inputs).to(torch.uint8),
        train_targets=torch.from_numpy(train_targets).to(torch.int64),
        test_inputs=torch.from_numpy(test_inputs).to(torch.uint8),
        test_targets=torch.from_numpy(test_targets).to(torch.int64),
        class_names=tuple("0123456789"),
        input_name="image",
        input_range=(0.0, 16.0),
        input_unit="grey level",
    )
