"""Scaled dot-product attention: softmax(q k^T scale + mask) v, whole or block by block."""

from __future__ import annotations

import math

import numpy as np

from torchferry.bounds.error_bound import (
    Bounded,
    NotCertifiedError,
    add,
    bilinear,
    constant,
    exact,
    multiply,
    softmax,
    without_vanished,
)
from torchferry.bounds.rounding import FUNCTIONS, SMALLEST, UNIT, Float64, gamma
from torchferry.bounds.rules import Rule
from torchferry.bounds.rules.selections import choose

LEAST_BLOCK = 16
"""Keys that an engine takes at a time at least: FlashAttention-2 takes 64 or more on GPUs, torch's kernel for CPUs 32 or more."""

QUICK_EXP = 40
"""Unit roundoffs by which exp may be off in such kernels: torch's for CPUs uses one of 20 ULP (at::vec::Vectorized::exp_u20)."""


def _attention(
    q: Bounded,
    k: Bounded,
    v: Bounded,
    mask: Bounded | None = None,
    dropout: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Bounded:
    """Bound attention of q [..., L, E], k [..., S, E] and v [..., S, D]; `mask` broadcasts to [..., L, S].

    The scale may be applied to q, to k, to both as a root, or to the scores. An engine that goes block by block (T. Dao,
    FlashAttention-2, 2023) multiplies what it has by exp(old - new maximum) before each of S / 16 blocks at most; the arguments of
    these exp add up to no more than the range of the scores, and each rounds as the exp of a softmax does.
    """
    if dropout:
        raise NotCertifiedError("attention with dropout has no certified rule")
    if enable_gqa and k.value.shape[-3] != q.value.shape[-3]:
        k, v = (_repeated(part, q.value.shape[-3] // part.value.shape[-3]) for part in (k, v))
    scores = _scores(q, k, 1 / math.sqrt(q.value.shape[-1]) if scale is None else scale)
    masked = _masked(scores, mask, is_causal=is_causal)
    weights = softmax(masked, -1)
    made = bilinear(np.matmul, weights, v, None)
    return Bounded(made.value, made.error + _blocks(masked) * np.matmul(weights.size, v.size))


def _repeated(x: Bounded, times: int) -> Bounded:
    return Bounded(np.repeat(x.real, times, axis=-3), np.repeat(x.error, times, axis=-3))


def _scores(q: Bounded, k: Bounded, scale: float) -> Bounded:
    turned = Bounded(np.swapaxes(k.real, -1, -2), np.swapaxes(k.error, -1, -2))
    made = multiply(bilinear(np.matmul, q, turned, None), constant(scale))
    return Bounded(made.value, made.error + gamma(4) * abs(scale) * np.matmul(q.size, turned.size))


def _masked(scores: Bounded, mask: Bounded | None, *, is_causal: bool) -> Bounded:
    hidden = exact(np.asarray(-math.inf))
    if is_causal:
        kept = exact(np.tril(np.ones(scores.value.shape[-2:], dtype=bool)))
        return choose(kept, scores, hidden)
    if mask is None:
        return scores
    if mask.value.dtype == bool:
        return choose(mask, scores, hidden)
    is_open = mask.real > -math.inf
    finite = Bounded(np.where(is_open, mask.real, 0.0), mask.error)
    return choose(exact(is_open), add(scores, finite), hidden)


def _blocks(scores: Bounded) -> Float64:
    """Return the relative error [..., L, 1] that going block by block adds, and that of dividing after the product with v."""
    seen = without_vanished(scores, -1)
    count = math.ceil(scores.value.shape[-1] / LEAST_BLOCK) - 1
    kept = np.isfinite(seen.real)
    lowest = np.min(seen.real - seen.error, -1, keepdims=True, where=kept, initial=np.inf)
    spread = np.max(seen.real + seen.error, -1, keepdims=True) - lowest
    own = FUNCTIONS["exp"]
    steps = QUICK_EXP + min(count, 1) * (count * (2 * own.relative + 2) + (1 + 2 * own.per_both) * spread)
    return np.asarray(np.expm1(2 * UNIT * steps) + gamma(2) + SMALLEST)


RULES: dict[str, Rule] = {"scaled_dot_product_attention": _attention}
