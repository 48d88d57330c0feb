"""Convolutions of one to three dims, plain and transposed, in groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from torchferry.bounds.error_bound import Bounded, bilinear, to_tensor
from torchferry.bounds.rounding import UNIT, Float64
from torchferry.bounds.rules import Rule


def _rule(operator: Callable[..., torch.Tensor]) -> Rule:
    """Bound a convolution as the sums of products that it is.

    An engine may fold a batch norm that follows into the weights, which rounds each of them once more: u times the products.
    """

    def rule(x: Bounded, weight: Bounded, bias: Bounded | None = None, *rest: Any, **named: Any) -> Bounded:
        def product(a: Float64, w: Float64) -> Float64:
            return np.asarray(operator(to_tensor(a), to_tensor(w), None, *rest, **named).numpy())

        made = bilinear(product, x, weight, None if bias is None else _over_channels(bias, weight.value.ndim - 2))
        return Bounded(made.value, made.error + UNIT * product(x.size, weight.size))

    return rule


def _over_channels(bias: Bounded, dims: int) -> Bounded:
    shape = (-1, *[1] * dims)
    return Bounded(bias.real.reshape(shape), bias.error.reshape(shape))


RULES: dict[str, Rule] = {
    "conv1d": _rule(F.conv1d),
    "conv2d": _rule(F.conv2d),
    "conv3d": _rule(F.conv3d),
    "conv_transpose1d": _rule(F.conv_transpose1d),
    "conv_transpose2d": _rule(F.conv_transpose2d),
    "conv_transpose3d": _rule(F.conv_transpose3d),
}
