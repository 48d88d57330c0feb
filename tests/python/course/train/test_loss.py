"""Losses as the lectures define them."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from torchferry.course.train.loss import CROSS_ENTROPY, MEAN_SQUARED_ERROR, SUMMED_SQUARED_ERROR

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 3.0]])
TARGETS = torch.tensor([0, 1])


def test_cross_entropy_of_logits_equals_nll_of_log_softmax():
    assert torch.allclose(CROSS_ENTROPY.value(LOGITS, TARGETS), F.nll_loss(torch.log(torch.softmax(LOGITS, dim=1)), TARGETS))


def test_nll_of_log_softmax_breaks_at_large_logits_where_cross_entropy_does_not():
    large = LOGITS * 1000
    assert torch.isinf(F.nll_loss(torch.log(torch.softmax(large, dim=1)), TARGETS))
    assert CROSS_ENTROPY.value(large, TARGETS).item() == 1400.0  # half of (3.0 - 0.2) * 1000, by hand


def test_squared_errors_differ_by_the_number_of_classes():
    mean, summed = MEAN_SQUARED_ERROR.value(LOGITS, TARGETS), SUMMED_SQUARED_ERROR.value(LOGITS, TARGETS)
    assert torch.allclose(summed, mean * 3)
    outputs = torch.sigmoid(LOGITS)
    by_hand = ((outputs - torch.tensor([[1.0, 0, 0], [0, 1, 0]])) ** 2).sum() / 2
    assert torch.allclose(summed, by_hand)
