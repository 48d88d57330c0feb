"""Layers and products of matrices whose second factor is a constant."""

from __future__ import annotations

from typing import Any

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, linear
from torchferry.bounds.rules import Rule


def _exact_value(x: Any) -> Any:
    if bool(x.error.any()):
        raise NotCertifiedError("a product of two computed tensors has no certified rule")
    return x.real


def _linear(x: Bounded, weight: Bounded, bias: Bounded | None = None) -> Bounded:
    return linear(x, _exact_value(weight), None if bias is None else _exact_value(bias))


def _matmul(a: Bounded, b: Bounded) -> Bounded:
    if b.value.ndim != 2:
        raise NotCertifiedError("a product of more than matrices has no certified rule")
    return linear(a, _exact_value(b).T, None)


def _addmm(bias: Bounded, a: Bounded, b: Bounded, *, beta: float = 1, alpha: float = 1) -> Bounded:
    if alpha != 1 or beta != 1 or bias.value.ndim != 1:
        raise NotCertifiedError("a scaled product has no certified rule")
    return linear(a, _exact_value(b).T, _exact_value(bias))


RULES: dict[str, Rule] = {"linear": _linear, "addmm": _addmm, "mm": _matmul, "matmul": _matmul}
