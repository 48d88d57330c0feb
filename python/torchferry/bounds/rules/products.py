"""Layers, and products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, bilinear
from torchferry.bounds.rules import Rule


def _linear(x: Bounded, weight: Bounded, bias: Bounded | None = None) -> Bounded:
    return bilinear(lambda a, w: a @ w.T, x, weight, bias)


def _matmul(a: Bounded, b: Bounded) -> Bounded:
    """Bound a product of matrices or vectors, of which any may be computed, broadcast over what stands before the matrices."""
    return bilinear(lambda x, y: np.asarray(np.matmul(x, y)), a, b, None)


def _added(bias: Bounded, a: Bounded, b: Bounded, *, beta: float = 1, alpha: float = 1) -> Bounded:
    """Bound a product to which a tensor that broadcasts is added, as one more term."""
    if alpha != 1 or beta != 1:
        raise NotCertifiedError("a scaled product has no certified rule")
    return bilinear(np.matmul, a, b, bias)


def _einsum(equation: str, given: Sequence[Bounded], **_: Any) -> Bounded:
    if len(given) != 2:
        raise NotCertifiedError(f"a sum of products of {len(given)} tensors has no certified rule")
    return bilinear(lambda a, b: np.asarray(np.einsum(equation, a, b)), given[0], given[1], None)


RULES: dict[str, Rule] = {
    "linear": _linear,
    **dict.fromkeys(("addmm", "addmv", "baddbmm"), _added),
    **dict.fromkeys(("mm", "bmm", "matmul", "mv", "dot", "vdot"), _matmul),
    "einsum": _einsum,
}
