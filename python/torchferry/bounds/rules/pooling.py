"""Largest and mean values of windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from torchferry.bounds.error_bound import Bounded, to_tensor
from torchferry.bounds.rounding import SMALLEST, Float64, gamma
from torchferry.bounds.rules import Rule


def _largest(operator: Callable[..., torch.Tensor]) -> Rule:
    """Bound the largest value of each window, which is off by no more than the worst of it."""

    def rule(x: Bounded, *given: Any, **named: Any) -> Bounded:
        value, error = (operator(to_tensor(array), *given, **named).numpy() for array in (x.real, x.error))
        return Bounded(value, error)

    return rule


def _mean(operator: Callable[..., torch.Tensor], dims: int) -> Rule:
    """Bound the mean of each window: a sum in any order and a division. No window has more terms than a channel has places."""

    def rule(x: Bounded, size: Any, *given: Any, **named: Any) -> Bounded:
        def mean(array: Float64) -> Float64:
            return np.asarray(operator(to_tensor(array), size, *given, **named).numpy())

        value, carried, largest = mean(x.real), mean(x.error), mean(x.size)
        terms = int(np.prod(x.value.shape[-dims:]))
        return Bounded(value, carried + gamma(terms + 2) * largest + terms * SMALLEST * (largest > 0))

    return rule


RULES: dict[str, Rule] = {
    "max_pool1d": _largest(F.max_pool1d),
    "max_pool2d": _largest(F.max_pool2d),
    "max_pool3d": _largest(F.max_pool3d),
    "avg_pool1d": _mean(F.avg_pool1d, 1),
    "avg_pool2d": _mean(F.avg_pool2d, 2),
    "avg_pool3d": _mean(F.avg_pool3d, 3),
    "adaptive_avg_pool1d": _mean(F.adaptive_avg_pool1d, 1),
    "adaptive_avg_pool2d": _mean(F.adaptive_avg_pool2d, 2),
    "adaptive_avg_pool3d": _mean(F.adaptive_avg_pool3d, 3),
}
