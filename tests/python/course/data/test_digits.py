"""scikit-learn's digits as grey levels."""

from __future__ import annotations

import torch

from torchferry.course.data import load_dataset


def test_digits_are_grey_levels_from_0_to_16():
    digits = load_dataset("digits")
    assert (digits.train_inputs.dtype, digits.train_inputs.shape, digits.test_inputs.shape) == (
        torch.uint8,
        (1437, 8, 8),
        (360, 8, 8),
    )
    assert (int(digits.train_inputs.min()), int(digits.train_inputs.max())) == digits.input_range == (0, 16)


def test_every_class_is_split_80_to_20():
    digits = load_dataset("digits")
    held_out = digits.test_targets.bincount()
    share = held_out / (held_out + digits.train_targets.bincount())
    assert torch.allclose(share, torch.full((10,), 0.2), atol=0.005)


def test_the_split_is_the_same_every_time():
    first, second = load_dataset("digits"), load_dataset("digits")
    assert torch.equal(first.train_inputs, second.train_inputs)
    assert torch.equal(first.test_targets, second.test_targets)
