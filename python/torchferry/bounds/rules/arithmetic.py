"""Sums, differences, products and quotients, element by element."""

from __future__ import annotations

from typing import Any

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, add, bounded, constant, convert, divide, multiply, negate
from torchferry.bounds.rules import Rule


def _scaled(x: Any, factor: Any) -> Bounded:
    return bounded(x) if factor == 1 else multiply(bounded(x), constant(float(factor)))


def _divide(a: Any, b: Any, *, rounding_mode: str | None = None) -> Bounded:
    if rounding_mode is not None:
        raise NotCertifiedError("a rounded division has no certified rule")
    return divide(convert(bounded(a)), bounded(b))


RULES: dict[str, Rule] = {
    "add": lambda a, b, *, alpha=1: add(bounded(a), _scaled(b, alpha)),
    "sub": lambda a, b, *, alpha=1: add(bounded(a), negate(_scaled(b, alpha))),
    "rsub": lambda a, b, *, alpha=1: add(bounded(b), negate(_scaled(a, alpha))),
    "mul": lambda a, b: multiply(bounded(a), bounded(b)),
    "div": _divide,
    "neg": negate,
}
