"""Normalisation under rounding errors: engines compute variances, and fold scales and shifts, in ways that differ in exactness.

Some take mean(x^2) - mean(x)^2 for the variance, some turn (x - mean) / std * weight + bias into x * scale + shift; what is
added here is the error of the less exact way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from torchferry.bounds.rounding import FUNCTIONS, UNIT


class NoiseSource(Protocol):
    """What moves a tensor by at most a size. Where it `is_smooth`, derivatives are taken: what is moved must have one."""

    @property
    def is_smooth(self) -> bool: ...  # noqa: D102

    def add(self, result: Tensor, size: Tensor, *, in_place: bool = False) -> Tensor:
        """Return the moved tensor, in the shape of `result`."""


def softmax(noise: NoiseSource, x: Tensor, dim: int, *_rest: Any) -> Tensor:
    """Compute `_softmax` along `dim` with moved intermediate values: exp(x - max) over its sum; the shape stays."""
    exponentials, total = _exponentials(noise, x, dim)
    result = exponentials / total
    return noise.add(result, 2 * UNIT * result)


def log_softmax(noise: NoiseSource, x: Tensor, dim: int, *_rest: Any) -> Tensor:
    """Compute `_log_softmax` along `dim` with moved intermediate values: x - max - log of that sum; the shape stays."""
    total = _exponentials(noise, x, dim)[1]
    logarithm = total.log()
    logarithm = noise.add(logarithm, UNIT * (FUNCTIONS["log"].relative * logarithm.abs() + FUNCTIONS["log"].absolute))
    shifted = x - x.amax(dim, keepdim=True)
    result = shifted - logarithm
    return noise.add(result, UNIT * (shifted.abs() + result.abs()))


def _exponentials(noise: NoiseSource, x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    shifted = x - x.amax(dim, keepdim=True)
    result = shifted.exp()
    relative = (1 + FUNCTIONS["exp"].per_both) * shifted.abs() + FUNCTIONS["exp"].relative
    result = noise.add(result, UNIT * torch.nan_to_num(relative, posinf=0.0) * result)
    total = result.sum(dim, keepdim=True)
    return result, noise.add(total, UNIT * math.sqrt(x.shape[dim]) * total)


def layer_norm(
    noise: NoiseSource, x: Tensor, shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute `native_layer_norm` over the last dims, whose sizes are `shape`, with moved intermediate values."""
    dims = list(range(x.ndim - len(shape), x.ndim))
    return _normalized(noise, x, dims, weight, bias, eps)


def group_norm(
    noise: NoiseSource, x: Tensor, weight: Tensor | None, bias: Tensor | None, n: int, c: int, hw: int, groups: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute `native_group_norm` of x [n, c, hw] over the channels and positions of a group, with moved intermediate values."""
    grouped = x.reshape(n, groups, c // groups * hw)
    plain, mean, deviation = _normalized(noise, grouped, [2], None, None, eps)
    shape = [1, c] + [1] * (x.ndim - 2)
    return _scaled(noise, plain.reshape(x.shape), weight, bias, shape), mean.flatten(1), deviation.flatten(1)


def _normalized(
    noise: NoiseSource, x: Tensor, dims: list[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    unit = UNIT * math.sqrt(math.prod(x.shape[dim] for dim in dims))
    mean = x.mean(dims, keepdim=True)
    mean = noise.add(mean, unit * x.abs().mean(dims, keepdim=True))
    variance = x.var(dims, correction=0, keepdim=True)
    squares = x.square().mean(dims, keepdim=True) + 2 * mean.abs() * x.abs().mean(dims, keepdim=True)
    variance = noise.add(variance, unit * squares).clamp_min(0)
    inverse = (variance + eps).rsqrt()
    inverse = noise.add(inverse, FUNCTIONS["rsqrt"].relative * UNIT * inverse)
    result = (x - mean) * inverse
    result = noise.add(result, UNIT * (x.abs() + mean.abs()) * inverse)
    return _scaled(noise, result, weight, bias, list(x.shape[dims[0] :])), mean, inverse


def _scaled(noise: NoiseSource, x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: list[int]) -> Tensor:
    if weight is not None:
        x = x * weight.reshape(shape)
        x = noise.add(x, UNIT * x.abs())
    if bias is not None:
        size = x.abs() + bias.reshape(shape).abs()
        x = noise.add(x + bias.reshape(shape), UNIT * size)
    return x


def batch_norm(
    noise: NoiseSource, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor | None, var: Tensor | None, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute batch norm of x [N, C, ...] as x * scale + shift, with moved intermediate values.

    Without `mean` and `var`, which instance norm does not keep either, those of x itself are taken.
    """
    eps = (
        float(rest[-1])
        if isinstance(rest[-1], float)
        else float(next(item for item in reversed(rest) if isinstance(item, float)))
    )
    shape = [1, -1] + [1] * (x.ndim - 2)
    if mean is None or var is None:
        plain, mean, deviation = _normalized(noise, x, [0, *range(2, x.ndim)], None, None, eps)
        return _scaled(noise, plain, weight, bias, shape), mean.flatten(), deviation.flatten()
    scale = (var + eps).rsqrt() if weight is None else weight * (var + eps).rsqrt()
    shift = -mean * scale if bias is None else bias - mean * scale
    sizes = (mean * scale).abs() if bias is None else (mean * scale).abs() + bias.abs()
    scale, shift = noise.add(scale, 4 * UNIT * scale.abs()).reshape(shape), noise.add(shift, 4 * UNIT * sizes).reshape(shape)
    result = x * scale + shift
    moved = noise.add(result, UNIT * ((x * scale).abs() + result.abs()))
    empty = x.new_empty(0)
    return moved, empty, empty


def safe_softmax(noise: NoiseSource, x: Tensor, dim: int, *_rest: Any) -> Tensor:
    """Compute `_safe_softmax` along `dim`: rows of minus infinity only give 0, and are moved to nothing else; the shape stays."""
    return torch.where((x == -torch.inf).all(dim, keepdim=True), 0.0, softmax(noise, x, dim))


def weight_norm(noise: NoiseSource, v: Tensor, g: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    """Compute `_weight_norm_interface`, v / |v| g, with moved norms over all dims but `dim`; the shape stays, beside the norms."""
    dims = [axis for axis in range(v.ndim) if axis != dim % v.ndim]
    norm = torch.linalg.vector_norm(v, dim=dims, keepdim=True)
    terms = v.numel() / max(norm.numel(), 1)
    norm = noise.add(norm, UNIT * (math.sqrt(terms / 3 + 1) / 2 + FUNCTIONS["sqrt"].relative) * norm)
    result = v * (g / norm)
    return noise.add(result, 3 * UNIT * result.abs()), norm


NORMALIZATIONS: dict[str, Callable[..., Any]] = {
    "_softmax": softmax,
    "_safe_softmax": safe_softmax,
    "_log_softmax": log_softmax,
    "native_layer_norm": layer_norm,
    "native_group_norm": group_norm,
    "_native_batch_norm_legit_no_training": batch_norm,
    "native_batch_norm": batch_norm,
    "_weight_norm_interface": weight_norm,
}
