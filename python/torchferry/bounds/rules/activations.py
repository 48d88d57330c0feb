"""Functions of one value, element by element."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from torchferry.bounds.error_bound import (
    Bounded,
    NotCertifiedError,
    bounded,
    constant,
    lipschitz,
    monotone,
    multiply,
    slopes,
    to_tensor,
)
from torchferry.bounds.rules import Rule
from torchferry.bounds.rules.selections import larger, smaller


def _leaky_relu(x: Bounded, slope: float = 0.01) -> Bounded:
    scaled = multiply(x, constant(slope))
    value = np.where(x.real > 0, x.real, scaled.real)
    return Bounded(value, np.where(x.real - x.error > 0, x.error, np.maximum(max(1.0, abs(slope)) * x.error, scaled.error)))


def _elu(x: Bounded, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Bounded:
    if alpha != 1 or scale != 1 or input_scale != 1:
        raise NotCertifiedError("a scaled elu has no certified rule")
    return monotone("elu", lambda v: np.where(v > 0, v, np.expm1(np.minimum(v, 0.0))), x)


def _smooth(name: str, function: Callable[[torch.Tensor], torch.Tensor], steepest: float, most_bent: float) -> Rule:
    """Bound a function that falls and rises by its own slope; `steepest` and `most_bent` are max |f'| and max |f''|."""

    def rule(x: Bounded) -> Bounded:
        return lipschitz(name, slopes(function, steepest, most_bent, x), lambda v: function(to_tensor(v)).numpy(), x)

    return rule


# x Phi(x) is steepest at sqrt(2) and most bent at 0, by 2 / sqrt(2 pi); the tanh in its place adds less than 0.0002.
_GELUS = {
    "none": _smooth("gelu", F.gelu, 1.13, 0.8),
    "tanh": _smooth("gelu_tanh", partial(F.gelu, approximate="tanh"), 1.13, 0.8),
}


def _softplus(x: Bounded, beta: float = 1, threshold: float = 20) -> Bounded:
    if beta != 1 or threshold != 20:
        raise NotCertifiedError("a scaled softplus has no certified rule")
    return monotone("softplus", lambda v: np.logaddexp(0.0, v), x)


def _sigmoid(x: Bounded) -> Bounded:
    return monotone("sigmoid", lambda v: torch.sigmoid(to_tensor(v)).numpy(), x)


def _clamp(x: Bounded, low: Bounded | float | None = None, high: Bounded | float | None = None) -> Bounded:
    """Bound x between two numbers, or between values that have errors themselves."""
    if isinstance(low, Bounded) or isinstance(high, Bounded):
        above = x if low is None else larger(x, bounded(low))
        return above if high is None else smaller(above, bounded(high))
    rounding = max(float(constant(float(end)).error) for end in (low, high, 0.0) if end is not None)
    clipped = monotone(None, lambda v: np.clip(v, low, high), x)
    return Bounded(clipped.value, clipped.error + rounding)


RULES: dict[str, Rule] = {
    "relu": lambda x: monotone(None, lambda v: np.maximum(v, 0.0), x),
    "relu6": lambda x: _clamp(x, 0.0, 6.0),
    "hardtanh": lambda x, low=-1.0, high=1.0: _clamp(x, low, high),
    "clamp": _clamp,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": lambda x, *, approximate="none": _GELUS[approximate](x),
    "silu": _smooth("silu", F.silu, 1.1, 0.51),  # x sigmoid(x) is steepest at 2.4, most bent at 0
    # x clamp(x + 3, 0, 6) / 6 is steepest at 3
    "hardswish": lambda x: lipschitz("hardswish", 1.5, lambda v: F.hardswish(to_tensor(v)).numpy(), x),
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "tanh": lambda x: monotone("tanh", np.tanh, x),
    "exp": lambda x: monotone("exp", np.exp, x),
}
