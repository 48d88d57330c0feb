"""The size of an ATen operator's float32 rounding error, computed from its float64 arguments and result.

Elementwise arithmetic rounds by u |y|, functions by their measured error (rounding.py). A sum y of k terms rounds k times,
each time by some +-u s of its partial sum s. Partial sums that grow evenly to M, the largest that any order can meet, have the
mean square M^2 / 3, so that k independent roundings of at most u times them, and those of the products, add up to a deviation of at
most u M sqrt(k / 3 + 1). For a product of matrices M is (|A| |B| + |y|) / 2, |A| |B| being the same operator applied to absolute values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from torchferry.bounds.normalization import NORMALIZATIONS
from torchferry.bounds.rounding import FUNCTIONS, SMALLEST, UNIT

Size = Callable[[Tensor], Tensor]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# They pick or reorder values, or make constants; what they give was there before.
_EXACT = _words(
    "abs neg relu relu_ clamp clamp_ clamp_min clamp_max hardtanh hardtanh_ threshold where maximum minimum max min amax amin "
    "max_pool1d max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d embedding gather index index_select "
    "index_put index_put_ masked_fill masked_fill_ masked_select scatter scatter_ sort topk kthvalue median cat stack clone copy "
    "copy_ contiguous constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d repeat flip roll "
    "repeat_interleave tril triu tril_ triu_ fill fill_ zero_ zeros ones full arange eye scalar_tensor linspace empty new_zeros "
    "new_ones new_full new_empty zeros_like ones_like full_like empty_like lift_fresh lift_fresh_copy _to_copy one_hot sign floor "
    "ceil round trunc pixel_shuffle pixel_unshuffle channel_shuffle upsample_nearest1d upsample_nearest2d nonzero dropout "
    "_unsafe_view _reshape_alias set_ resize_ detach cummax cummin tensor _pack_padded_sequence unbind split "
    "transpose_ t_ squeeze_ unsqueeze_ detach_ unsafe_split unsafe_chunk"
)
_ARITHMETIC = {
    "add": 1,
    "sub": 1,
    "rsub": 1,
    "mul": 2,
    "div": 2,
    "reciprocal": 1,
    "addcmul": 2,
    "addcdiv": 3,
    "lerp": 3,
    "leaky_relu": 2,
    "_prelu_kernel": 2,
}
_REDUCTIONS = _words("sum mean avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d cumsum logcumsumexp")
_PRODUCTS = _words("mm bmm addmm baddbmm mv dot vdot addmv convolution _convolution _embedding_bag")
_SUMS_OF_TWO = _words("add sub rsub")  # a number of the program is rounded too, however small the sum is
_DEFAULTS: Mapping[str, tuple[float, ...]] = {"elu": (1, 1, 1), "softplus": (1, 20)}
_RESAMPLED = _words("upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d")
_COARSE = (torch.float16, torch.bfloat16)
MOST_EXACT = 2**24  # integers up to it are float32 numbers
_UNKNOWN = 4  # roundings of the largest magnitude, for an operator without a rule
ELEMENT = 80.0  # multiply-adds in the time that it takes to draw and add the noise of one element


def is_exact(func: Any, name: str) -> bool:
    """Say whether the operator only moves values, or looks at shapes."""
    return name in _EXACT or func.is_view or name.startswith(("sym_", "_assert"))


def is_sum(name: str) -> bool:
    """Say whether the operator adds up terms, whose magnitudes must be added up too."""
    return name in _PRODUCTS or name in _REDUCTIONS


def multiply_adds(name: str, args: tuple[Any, ...], result: Tensor) -> float:
    """Return the multiply-adds of an operator, and those that moving its result, of any shape, takes as long as."""
    return result.numel() * (ELEMENT + (_terms(name, args, result) if name in _PRODUCTS else 0.0))


def has_rule(func: Any, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Say whether `rounding_size` is as large as any rounding of the operator on these arguments of any shape."""
    plain = name.rstrip("_")
    if any(isinstance(item, torch.dtype) and item in _COARSE for item in (*args, *kwargs.values())):
        return False
    if plain in ("add", "sub", "rsub"):
        return bool(kwargs.get("alpha", 1) == 1)
    if plain == "div":
        return kwargs.get("rounding_mode") is None
    if plain == "pow":
        return len(args) > 1 and args[1] in (2, 3, 4)
    if plain in ("elu", "softplus"):
        return all(given == default for given, default in zip(args[1:], _DEFAULTS[plain], strict=False))
    if name == "_embedding_bag":
        return args[6] is None if len(args) > 6 else True
    if name == "_to_copy" and not args[0].is_floating_point() and not args[0].is_complex():
        return args[0].numel() == 0 or -MOST_EXACT <= int(args[0].min()) <= int(args[0].max()) <= MOST_EXACT
    ruled = plain in FUNCTIONS or plain in ("mul", "reciprocal", "leaky_relu", "_prelu_kernel")
    return (
        ruled or name in NORMALIZATIONS or name in _RESAMPLED or is_exact(func, name) or (is_sum(name) and name != "logcumsumexp")
    )


def rounding_size(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Size:
    """Return a function from the operator's result to the size of its error, in the result's shape; read the arguments before they change."""
    plain = name.rstrip("_")
    if is_sum(name):
        size = func(*map(_absolute, args), **{key: _absolute(value) for key, value in kwargs.items()})
        terms = _terms(name, args, size[0] if isinstance(size, tuple) else size)
        factor = UNIT * math.sqrt(terms / 3 + 1)
        return lambda result: (_same_shape(size, result) + result.abs()) / 2 * factor + SMALLEST
    if plain == "gelu" and kwargs.get("approximate") == "tanh":
        plain = "gelu_tanh"
    if plain in FUNCTIONS:
        return _of_function(plain, args[0])
    if plain in _ARITHMETIC:
        if plain in _SUMS_OF_TWO:
            return _of_sum(sum(abs(item) for item in args if isinstance(item, float)))
        return lambda result: _ARITHMETIC[plain] * UNIT * result.abs() + SMALLEST
    return largest_size


def largest_size(result: Tensor) -> Tensor:
    """Return a few roundings of the largest magnitude, for an operator without a rule, in the result's shape."""
    return torch.full_like(result, _UNKNOWN * UNIT * _largest(result) + SMALLEST)


def _of_sum(numbers: float) -> Size:
    """Return the size for a sum or difference of two, of which `numbers` in the program are rounded too: where it is 0, it is exact."""
    return lambda result: UNIT * (result.abs() + numbers) + SMALLEST * (result != 0)


def _of_function(name: str, x: Any) -> Size:
    error = FUNCTIONS[name]
    at = torch.as_tensor(x, dtype=torch.float64).abs().clone()

    def size(result: Tensor) -> Tensor:
        y = result.abs()
        total = error.relative * y + error.absolute + error.per_input * at + error.per_both * at * y
        return torch.nan_to_num(UNIT * total + SMALLEST, nan=0.0, posinf=0.0)

    return size


def _absolute(value: Any) -> Any:
    return value.abs() if isinstance(value, Tensor) and value.is_floating_point() else value


def _largest(result: Tensor) -> float:
    finite = result[torch.isfinite(result)]
    return float(finite.abs().max()) if finite.numel() else 0.0


def _same_shape(size: Any, result: Tensor) -> Tensor:
    """Return the size in the shape of the result; of several results (`_embedding_bag`) the float one is the first."""
    chosen: Tensor = size[0] if isinstance(size, tuple) else size
    return chosen if chosen.shape == result.shape else torch.zeros_like(result)


def _in_the_largest_bag(indices: Tensor, offsets: Tensor) -> float:
    """Return the terms of the largest mean of rows, which divides too."""
    ends = torch.cat([offsets, offsets.new_tensor([indices.numel()])])
    return float(ends.diff().max()) + 2 if offsets.numel() else 1.0


def _terms(name: str, args: tuple[Any, ...], result: Tensor) -> float:
    """Return how many terms one element of the result sums."""
    if name in ("mm", "bmm", "mv", "dot", "vdot"):
        return float(args[0].shape[-1])
    if name in ("addmm", "baddbmm", "addmv"):
        return float(args[1].shape[-1] + 1)
    if name in ("convolution", "_convolution"):
        weight, transposed = args[1], args[6]
        return float(weight[0].numel() + 1 if not transposed else weight.numel() / weight.shape[1] / args[8] + 1)
    if name == "_embedding_bag":
        return _in_the_largest_bag(*args[1:3])
    if name in ("cumsum", "logcumsumexp"):
        return float(args[0].shape[args[1]]) if args[0].ndim else 1.0
    return max(1.0, float(args[0].numel()) / max(result.numel(), 1))
