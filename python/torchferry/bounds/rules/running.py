"""Sums that go where an index says, running sums, products over axes, variances and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, add, constant, divide, multiply, negate, to_tensor
from torchferry.bounds.rounding import SMALLEST, Float64, gamma
from torchferry.bounds.rules import Rule
from torchferry.bounds.rules.powers import root
from torchferry.bounds.rules.sums import sum_over

Linear = Callable[[Float64], Float64]


def added(function: Linear, value: Float64, error: Float64) -> Bounded:
    """Bound a sum of some elements for each result: `function` adds up an array of the shape of `value`, in any order."""
    carried, size, count = function(error), function(np.abs(value)), function(np.ones_like(value))
    rounding = gamma(np.maximum(count - 1, 0.0)) * (size + carried)
    return Bounded(function(value), carried + rounding + count * SMALLEST * (rounding > 0))


def _cumsum(x: Bounded, dim: int, **_: Any) -> Bounded:
    return added(lambda array: np.cumsum(array, axis=dim), x.real, x.error)


def _scatter_add(x: Bounded, dim: int, index: Bounded, source: Bounded) -> Bounded:
    return _onto(x, source, index, lambda base, places, terms: base.scatter_add(dim, places, terms))


def _index_add(x: Bounded, dim: int, index: Bounded, source: Bounded, *, alpha: float = 1) -> Bounded:
    if alpha != 1:
        raise NotCertifiedError("a scaled index_add has no certified rule")
    return _onto(x, source, index, lambda base, places, terms: base.index_add(dim, places, terms))


def _onto(x: Bounded, source: Bounded, index: Bounded, operator: Callable[..., torch.Tensor]) -> Bounded:
    """Bound x plus terms at exact places: carried errors add, and each of n + 1 terms is added in any order."""
    if bool(index.error.any()):
        raise NotCertifiedError("an index made of rounded numbers has no certified rule")
    places = to_tensor(index.value)

    def total(base: Float64, terms: Float64) -> Float64:
        return np.asarray(operator(to_tensor(base), places, to_tensor(terms)).numpy())

    carried, size = total(x.error, source.error), total(np.abs(x.real), np.abs(source.real))
    count = total(np.zeros_like(x.real), np.ones_like(source.real))
    rounding = gamma(count) * (size + carried)
    return Bounded(total(x.real, source.real), carried + rounding + count * SMALLEST * (rounding > 0))


def _product(x: Bounded, dim: int | None = None, keepdim: bool = False, **_: Any) -> Bounded:
    """Bound a product: prod (|x| + e) - prod |x|, and n - 1 roundings, whatever their order."""
    largest = x.size.prod(axis=dim, keepdims=keepdim)
    carried = largest - np.abs(x.real).prod(axis=dim, keepdims=keepdim)
    count = x.value.size if dim is None else x.value.shape[dim]
    return Bounded(x.real.prod(axis=dim, keepdims=keepdim), carried + gamma(count) * largest + count * SMALLEST * (1 + largest))


def _centred(x: Bounded, dim: Any, correction: float) -> tuple[Bounded, float]:
    kept = sum_over(x, dim, True)
    count = x.value.size / max(kept.value.size, 1)
    distance = add(x, negate(divide(kept, constant(count))))
    return multiply(distance, distance), count - correction


def _variance(x: Bounded, dim: Any = None, keepdim: bool = False, **given: Any) -> Bounded:
    """Bound the mean square of distances from the mean; twice that, since some engines update both as they go (Welford)."""
    correction = given.get("correction", 1 if given.get("unbiased", True) else 0)
    squares, divisor = _centred(x, dim, 1 if correction is None else float(correction))
    variance = divide(sum_over(squares, dim, keepdim), constant(divisor))
    return Bounded(variance.value, 2 * variance.error)


def _var(x: Bounded, dim: Any = None, *rest: Any, **given: Any) -> Bounded:
    """Bound torch's forms of var: with dims or not, `unbiased` or `correction`."""
    if isinstance(dim, bool):
        return _variance(x, None, unbiased=dim)
    if rest and isinstance(rest[0], bool):
        given["unbiased"], rest = rest[0], rest[1:]
    return _variance(x, dim, *rest, **given)


def _norm(x: Bounded, order: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Bounded:
    magnitude = Bounded(np.abs(x.real), x.error)
    if order in (1, 1.0):
        return sum_over(magnitude, dim, keepdim)
    if order not in (None, 2, 2.0, "fro"):
        raise NotCertifiedError(f"a norm of order {order} has no certified rule")
    return root(sum_over(multiply(magnitude, magnitude), dim, keepdim))


def _std(x: Bounded, *args: Any, **given: Any) -> Bounded:
    return root(_var(x, *args, **given))


RULES: dict[str, Rule] = {
    "cumsum": _cumsum,
    "scatter_add": _scatter_add,
    "index_add": _index_add,
    "prod": _product,
    "var": _var,
    "std": _std,
    "norm": _norm,
    "linalg_vector_norm": _norm,
}
