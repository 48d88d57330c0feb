"""Softmax and its logarithm along one axis."""

from __future__ import annotations

from torchferry.bounds.error_bound import Bounded, log_softmax, softmax
from torchferry.bounds.rules import Rule


def _softmax(x: Bounded, dim: int, *_: object, **__: object) -> Bounded:
    return softmax(x, dim)


def _log_softmax(x: Bounded, dim: int, *_: object, **__: object) -> Bounded:
    return log_softmax(x, dim)


RULES: dict[str, Rule] = {"softmax": _softmax, "_softmax": _softmax, "log_softmax": _log_softmax, "_log_softmax": _log_softmax}
