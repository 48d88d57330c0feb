"""Preprocessing inside the model."""

from __future__ import annotations

import torch

from torchferry.course.data import load_dataset
from torchferry.preprocess import Standardize, UnitScale


def test_standardized_training_set_has_mean_0_and_std_1():
    inputs = load_dataset("iris").train_inputs
    features = Standardize.fit(inputs)(inputs)
    assert torch.allclose(features.mean(dim=0), torch.zeros(2), atol=1e-6)
    assert torch.allclose(features.std(dim=0, correction=1), torch.ones(2), atol=1e-6)


def test_unit_scale_maps_grey_levels_to_0_to_1():
    levels = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert torch.allclose(UnitScale(255)(levels), torch.tensor([0, 0.2, 1]))


def test_integer_input_takes_the_dtype_of_the_buffers():
    levels = torch.tensor([[1, 2]], dtype=torch.uint8)
    assert UnitScale(16).double()(levels).dtype == torch.float64
    assert Standardize(torch.zeros(2), torch.ones(2)).double()(levels.float()).dtype == torch.float64
