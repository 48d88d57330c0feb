"""Batch norm with statistics that are kept."""

from __future__ import annotations

import numpy as np

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, add, constant, exact, multiply, negate
from torchferry.bounds.rules import Rule
from torchferry.bounds.rules.powers import RULES as POWERS


def _batch_norm(
    x: Bounded,
    weight: Bounded | None,
    bias: Bounded | None,
    mean: Bounded | None,
    variance: Bounded | None,
    training: bool,
    momentum: float,
    eps: float,
    *_: bool,
) -> Bounded:
    """Bound x [N, C, ...] times a scale plus a shift, which is the less exact way: both cancel where the mean is large."""
    del momentum
    if training or mean is None or variance is None:
        raise NotCertifiedError("a batch norm of the batch's own statistics has no certified rule")
    inverse = POWERS["rsqrt"](add(variance, constant(eps)))
    scale = inverse if weight is None else multiply(weight, inverse)
    shift = add(exact(np.zeros(mean.value.shape)) if bias is None else bias, negate(multiply(mean, scale)))
    shape = (1, -1, *[1] * (x.value.ndim - 2))
    wide = [Bounded(part.real.reshape(shape), part.error.reshape(shape)) for part in (scale, shift)]
    return add(multiply(x, wide[0]), wide[1])


RULES: dict[str, Rule] = {"batch_norm": _batch_norm}
