"""Layers, and products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, bilinear, linear
from torchferry.bounds.rules import Rule


def _exact_value(x: Any) -> Any:
    if bool(x.error.any()):
        raise NotCertifiedError("a layer with computed weights has no certified rule")
    return x.real


def _linear(x: Bounded, weight: Bounded, bias: Bounded | None = None) -> Bounded:
    return linear(x, _exact_value(weight), None if bias is None else _exact_value(bias))


def _matmul(a: Bounded, b: Bounded) -> Bounded:
    """Bound a product of two computed tensors too, broadcast over what stands before the matrices."""
    if min(a.value.ndim, b.value.ndim) < 2:
        raise NotCertifiedError("a product with a vector has no certified rule")
    return bilinear(np.matmul, a, b, None)


def _addmm(bias: Bounded, a: Bounded, b: Bounded, *, beta: float = 1, alpha: float = 1) -> Bounded:
    if alpha != 1 or beta != 1 or bias.value.ndim != 1:
        raise NotCertifiedError("a scaled product has no certified rule")
    return linear(a, _exact_value(b).T, _exact_value(bias))


RULES: dict[str, Rule] = {"linear": _linear, "addmm": _addmm, "mm": _matmul, "bmm": _matmul, "matmul": _matmul}
