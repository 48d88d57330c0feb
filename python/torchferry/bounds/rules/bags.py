"""Bags of embeddings: the sum, mean or largest of rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, to_tensor
from torchferry.bounds.rounding import SMALLEST, Float64, gamma
from torchferry.bounds.rules import Rule

SUM, MEAN, LARGEST = range(3)


def _embedding_bag(
    table: Bounded,
    indices: Bounded,
    offsets: Bounded,
    scale_grad: bool = False,
    mode: int = SUM,
    sparse: bool = False,
    scales: Bounded | None = None,
    include_last_offset: bool = False,
    padding: int | None = None,
) -> tuple[Any, ...]:
    """Bound the bags [N, D], with nothing in the place of the tensors that only gradients need.

    A sum of n rows rounds n - 1 times in any order, a mean twice more, for a rounded reciprocal (Higham, Accuracy and Stability of
    Numerical Algorithms, 2nd edition, section 4.2). The largest of rows is exact.
    """
    del scale_grad, sparse
    if scales is not None or indices.error.any() or offsets.error.any():
        raise NotCertifiedError("bags with weights, or of rounded numbers, have no certified rule")
    places, starts = to_tensor(indices.value), to_tensor(offsets.value)

    def bags(rows: Float64, how: int) -> Float64:
        given = torch.embedding_bag(to_tensor(rows), places, starts, False, how, False, None, include_last_offset, padding)
        return np.asarray(given[0].numpy())

    value, carried = bags(table.real, mode), bags(table.error, mode)
    if mode == LARGEST:
        return Bounded(value, carried), None, None, None
    count = bags(np.ones_like(table.real), SUM)
    rounding = gamma(np.maximum(count - 1, 0.0) + 2 * (mode == MEAN)) * bags(table.size, mode)
    return Bounded(value, carried + rounding + count * SMALLEST * (rounding > 0)), None, None, None


RULES: dict[str, Rule] = {"embedding_bag": _embedding_bag}
