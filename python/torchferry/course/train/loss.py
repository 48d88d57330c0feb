"""Losses, each also with its derivative by hand.

A loss takes the network's scores [n, k] and the classes int64 [n]. Its value is a scalar; its slope is dL/dscores, [n, k].
Sources: STAT 453, L6.4 (ADALINE) and L9.3.2 (MLP).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """`value` is differentiated by autograd, `by_hand` gives the value and the slope without it; `name` is for the plots."""

    name: str
    value: Callable[[Tensor, Tensor], Tensor]
    by_hand: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def one_hot(targets: Tensor, like: Tensor) -> Tensor:
    """Return [n, k] with a one in each row for classes [n], in the dtype of the scores `like` [n, k]."""
    return F.one_hot(targets, like.shape[1]).to(like.dtype)


def _net_input_error(scores: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(scores.squeeze(1), targets.to(scores.dtype))


def _net_input_error_by_hand(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    errors = scores - targets.unsqueeze(1)
    return errors.square().mean(), 2 / len(targets) * errors


def _cross_entropy_by_hand(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    log_probabilities = F.log_softmax(scores, dim=1)
    slope = (log_probabilities.exp() - one_hot(targets, scores)) / len(targets)
    return F.nll_loss(log_probabilities, targets), slope


def _summed_squared_error(scores: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(torch.sigmoid(scores), one_hot(targets, scores), reduction="sum") / len(targets)


def _summed_squared_error_by_hand(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    outputs = torch.sigmoid(scores)
    errors = outputs - one_hot(targets, scores)
    return errors.square().sum() / len(targets), 2 / len(targets) * errors * outputs * (1 - outputs)


def _mean_squared_error(scores: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(torch.sigmoid(scores), one_hot(targets, scores))


def _mean_squared_error_by_hand(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    value, slope = _summed_squared_error_by_hand(scores, targets)
    return value / scores.shape[1], slope / scores.shape[1]


NET_INPUT_ERROR = Loss("mean squared error", _net_input_error, _net_input_error_by_hand)
"""ADALINE: the net input [n, 1] against 0 and 1."""

CROSS_ENTROPY = Loss("cross-entropy", F.cross_entropy, _cross_entropy_by_hand)
"""Of softmax(logits), computed from the logits, so that large ones do not overflow."""

MEAN_SQUARED_ERROR = Loss("mean squared error", _mean_squared_error, _mean_squared_error_by_hand)
"""Sigmoid outputs against one-hot classes, mean over samples and classes."""

SUMMED_SQUARED_ERROR = Loss("squared error", _summed_squared_error, _summed_squared_error_by_hand)
"""The same, summed over the classes and averaged over the samples, as the lecture's version from scratch has it."""
