"""Operators that pick values: extremes, orders, elements by index, choices by a condition. They round nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, bounded, to_tensor
from torchferry.bounds.rounding import Float64
from torchferry.bounds.rules import Rule

Picking = Callable[..., torch.Tensor]


def _exact_index(index: Bounded) -> torch.Tensor:
    if bool(index.error.any()):
        raise NotCertifiedError("an index made of rounded numbers has no certified rule")
    return to_tensor(index.value)


def _picked(operator: Picking, x: Bounded, *given: Any, **named: Any) -> Bounded:
    """Pick from values and errors alike; other tensors are exact."""
    args = [_exact_index(item) if isinstance(item, Bounded) else item for item in given]
    kwargs = {key: _exact_index(item) if isinstance(item, Bounded) else item for key, item in named.items()}
    value, error = (operator(to_tensor(array), *args, **kwargs) for array in (x.value, x.error))
    return Bounded(value.numpy(), error.numpy())


def _indexed(x: Bounded, indices: Any) -> Bounded:
    """Pick by exact tensors, where None stands for a whole dim."""
    at = [None if index is None else _exact_index(index) for index in indices]
    value, error = (torch.ops.aten.index.Tensor(to_tensor(array), at) for array in (x.value, x.error))
    return Bounded(value.numpy(), error.numpy())


def _two(function: Callable[[Float64, Float64], Float64]) -> Rule:
    """Bound the larger or smaller of two, broadcast: it is off by no more than the worse of them."""

    def rule(a: Any, b: Any) -> Bounded:
        first, second = bounded(a), bounded(b)
        return Bounded(function(first.real, second.real), np.maximum(first.error, second.error))

    return rule


larger = _two(np.maximum)
smaller = _two(np.minimum)


def _extreme(function: Callable[..., Float64]) -> Rule:
    """Bound an extreme over axes, whose error is the largest of theirs."""

    def rule(x: Bounded, dim: Any = (), keepdim: bool = False) -> Bounded:
        axes = tuple(range(x.value.ndim)) if not isinstance(dim, int) and not dim else tuple(np.atleast_1d(dim).tolist())
        value = function(x.real, axis=axes, keepdims=keepdim)
        return Bounded(value, np.broadcast_to(x.error.max(axis=axes, keepdims=keepdim), value.shape).copy())

    return rule


def _with_index(function: Callable[..., Float64], place: Callable[..., Any]) -> Rule:
    """Bound the extreme over one axis and its place, which only exact numbers tell; over all axes, or of two tensors, no place."""

    def rule(x: Bounded, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, Bounded):
            return (larger if function is np.max else smaller)(x, dim)
        value = _extreme(function)(x, () if dim is None else dim, keepdim)
        if dim is None:
            return value
        index = np.asarray(place(x.real, axis=dim, keepdims=keepdim))
        return value, Bounded(index, np.full(index.shape, 0.0 if not x.error.any() else np.inf))

    return rule


def _ordered(x: Bounded, dim: int, kept: int | None, *, descending: bool) -> Any:
    """Bound the numbers in order: each is off by no more than the worst of its row. Their places only exact numbers tell."""
    value, index = torch.sort(to_tensor(x.value), dim=dim, descending=descending, stable=True)
    error = np.broadcast_to(x.error.max(axis=dim, keepdims=True), x.value.shape)
    places = np.full(x.value.shape, 0.0 if not x.error.any() else np.inf)
    part = [slice(None)] * x.value.ndim
    part[dim] = slice(kept)
    at = tuple(part)
    return Bounded(value.numpy()[at], error[at].copy()), Bounded(index.numpy()[at], places[at])


def _sort(x: Bounded, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Any:
    del stable
    return _ordered(x, dim, None, descending=descending)


def _topk(x: Bounded, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    del sorted
    return _ordered(x, dim, k, descending=largest)


def choose(condition: Bounded, a: Bounded, b: Bounded) -> Bounded:
    """Bound a where the condition holds and b elsewhere, broadcast: where it is not sure, an engine may have the other one."""
    value = np.where(condition.value, a.real, b.real)
    error, other = (np.where(condition.value, *pair) for pair in ((a.error, b.error), (b.error, a.error)))
    unsure = np.broadcast_to(condition.error > 0, value.shape)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        apart = np.where(unsure, np.abs(a.real - b.real), 0.0)
    return Bounded(value, np.where(unsure, np.maximum(error, np.nan_to_num(apart + other, nan=np.inf)), error))


def _where(condition: Bounded, a: Any, b: Any) -> Bounded:
    return choose(condition, bounded(a), bounded(b))


def _put(x: Bounded, indices: Any, values: Bounded, accumulate: bool = False) -> Bounded:
    """Bound x with other values at exact places, or one value where a mask says so, which need not be sure."""
    if accumulate:
        raise NotCertifiedError("an index_put that adds has no certified rule")
    (first, *others) = indices
    if first is not None and first.value.dtype == bool and not others and values.value.size == 1:
        shape = (*first.value.shape, *[1] * (x.value.ndim - first.value.ndim))
        mask = Bounded(first.value.reshape(shape), first.error.reshape(shape))
        return choose(mask, Bounded(values.real.reshape(()), values.error.reshape(())), x)
    at = [None if index is None else _exact_index(index) for index in indices]
    made = (
        torch.ops.aten.index_put.default(to_tensor(a), at, to_tensor(b))
        for a, b in ((x.real, values.real), (x.error, values.error))
    )
    return Bounded(*(part.numpy() for part in made))


def _masked_fill(x: Bounded, mask: Bounded, value: Any) -> Bounded:
    return _where(mask, value, x)


def _pad(x: Bounded, pad: Any, mode: str = "constant", value: float | None = None) -> Bounded:
    filled = None if mode != "constant" else 0.0 if value is None else float(value)
    errors = torch.nn.functional.pad(to_tensor(x.error), pad, mode, None if filled is None else float(bounded(filled).error))
    return Bounded(torch.nn.functional.pad(to_tensor(x.real), pad, mode, filled).numpy(), errors.numpy())


RULES: dict[str, Rule] = {
    "maximum": larger,
    "minimum": smaller,
    "amax": _extreme(np.max),
    "amin": _extreme(np.min),
    "max": _with_index(np.max, np.argmax),
    "min": _with_index(np.min, np.argmin),
    "sort": _sort,
    "topk": _topk,
    "gather": lambda x, dim, index, **_: _picked(torch.gather, x, dim, index),
    "index_select": lambda x, dim, index: _picked(torch.index_select, x, dim, index),
    "index": _indexed,
    "embedding": lambda table, index, *_, **__: _picked(lambda t, i: torch.nn.functional.embedding(i, t), table, index),
    "where": _where,
    "masked_fill": _masked_fill,
    "index_put": _put,
    "pad": _pad,
    "constant_pad_nd": lambda x, pad, value=0: _pad(x, pad, "constant", value),
}
