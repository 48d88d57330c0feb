"""Upsampling: the nearest number, linear interpolation in one to three dims, bicubic.

An engine computes the place in the input of each number of the output, in float32. The place p is off by some 3 u (p + 1), since
(i + 1/2) scale - 1/2 has three roundings, and so is each weight, which is a continuous function of p. Interpolation is the
product with one matrix of weights a dim, and these matrices carry errors like any computed tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from torchferry.bounds.error_bound import Bounded, NotCertifiedError, bilinear, to_tensor
from torchferry.bounds.rounding import UNIT, Float64
from torchferry.bounds.rules import Rule

PLACE = 4
"""Roundings of a place, in its own size and one more: three, and one to spare."""
CUBIC = -0.75
MOST_PLACES = 2**10
MOST_EXACT = 2**11
"""Of a dim whose places are exact: they are multiples of 2^-12 up to 2^11."""
SHORT = 2**6
"""Multiples of 2^-6 up to 2 have 3rd powers that float32 holds."""


Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Kernel:
    """Weights by the distance from a place, 0 from `reach` on, never steeper than `slope`; their own rounding in u."""

    weight: Function
    reach: int
    slope: float
    rounding: Function


def _hat(distance: torch.Tensor) -> torch.Tensor:
    return (1 - distance).clamp_min(0.0)


def _cubic(d: torch.Tensor) -> torch.Tensor:
    near = ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
    far = ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))


# 1 - t is rounded once, and so are products of the weights of several dims: 4 leaves room. By Horner's rule, from the innermost
# step on, the near polynomial rounds by 3.5 + 2.25 + 2.25 + 1 u at most, and the far one by (4.5 2 + 4.5 + 3) 2 + 3.5 + 2 u.
_LINEAR = Kernel(_hat, 1, 1.0, lambda d: 4 * _hat(d))
_BICUBIC = Kernel(_cubic, 2, 1.35, lambda d: torch.where(d <= 1, 9.0, 39.0).to(d.dtype))
KERNELS = {
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), _LINEAR),
    "upsample_bicubic2d": _BICUBIC,
}


def places_of(size: int, wanted: int, scale: float | None, *, align_corners: bool) -> Float64:
    """Return where in the input, of `size` numbers, each of the `wanted` numbers of the output is, as [wanted]."""
    index = np.arange(wanted, dtype=np.float64)
    if align_corners:
        return index * ((size - 1) / (wanted - 1) if wanted > 1 else 0.0)
    return np.asarray((index + 0.5) * (1 / scale if scale else size / wanted) - 0.5)


def is_exact(size: int, wanted: int, scale: float | None, *, align_corners: bool) -> bool:
    """Say whether each place is exact in float32, in whatever order it is computed: halves, quarters and so on of small numbers.

    Without aligned corners engines multiply by the quotient or divide by its inverse: only of powers of two both are exact.
    """
    if max(size, wanted) > MOST_EXACT:
        return False
    if align_corners:
        return wanted == 1 or ((size - 1) / (wanted - 1) * MOST_EXACT).is_integer()
    return math.frexp(1 / scale if scale else size / wanted)[0] == 0.5


def weights_at(
    kernel: Kernel, size: int, places: torch.Tensor, off: torch.Tensor, *, exact: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights [out, in] of one dim and their errors in u, where places [out] are `off` [out] by at most so many u.

    What lies outside the input counts for its edge. A linear kernel takes what lies before the first number for the first number.
    Of places that are `exact` and short the polynomials are exact too.
    """
    at = (places.clamp_min(0.0) if kernel.reach == 1 else places)[:, None]
    around = torch.arange(-kernel.reach - 1, size + kernel.reach + 1)
    distance = (at - around).abs()
    is_short = ((distance * SHORT).frac() == 0) & exact
    error = kernel.slope * off[:, None] + torch.where(is_short, 0.0, kernel.rounding(distance))
    near = distance < kernel.reach + 2 * UNIT * off[:, None]
    onto = (around.clamp(0, size - 1)[:, None] == torch.arange(size)).to(torch.float64)
    return kernel.weight(distance) @ onto, torch.where(near, error, 0.0) @ onto


def _matrix(kernel: Kernel, size: int, places: Float64, *, exact: bool) -> Bounded:
    off = PLACE * (np.abs(places) + 1) * (not exact)
    weights, errors = weights_at(kernel, size, to_tensor(places), to_tensor(off), exact=exact)
    return Bounded(weights.numpy(), UNIT * errors.numpy())


def _interpolated(kernel: Kernel) -> Rule:
    """Bound an interpolation as one product with a matrix of weights a dim."""

    def rule(x: Bounded, output: Any, align_corners: bool, *scales: Any) -> Bounded:
        if x.value.dtype.kind != "f":
            raise NotCertifiedError("an interpolation of integers has no certified rule")
        factors = factors_of(scales, x.value.ndim - 2)
        wanted = wanted_of(x.value.shape[2:], output, factors)
        made = Bounded(x.real, x.error)
        for axis, (size, factor) in enumerate(zip(wanted, factors, strict=True), start=2):
            length = made.value.shape[axis]
            places = places_of(length, size, factor, align_corners=align_corners)
            # A linear kernel takes what lies before the first number for the first number.
            matrix = _matrix(kernel, length, places, exact=is_exact(length, size, factor, align_corners=align_corners))
            turned = Bounded(np.moveaxis(made.real, axis, -1), np.moveaxis(made.error, axis, -1))
            done = bilinear(lambda a, w: a @ w.T, turned, matrix, None)
            made = Bounded(np.moveaxis(done.real, -1, axis), np.moveaxis(done.error, -1, axis))
        return made

    return rule


def factors_of(scales: Sequence[Any], dims: int) -> list[float | None]:
    """Return one factor for each spatial dim; None where the caller gave none. They come in one list, or one by one."""
    given = scales[0] if len(scales) == 1 and isinstance(scales[0], list | tuple) else scales
    found = [None if factor is None else float(factor) for factor in given or ()]
    return found if len(found) == dims else [None] * dims


def wanted_of(sizes: Sequence[int], output: Any, factors: Sequence[float | None]) -> list[int]:
    """Return the sizes of the output, from those of the input and the factors where they are not given."""
    if output is not None:
        return [int(size) for size in output]
    return [int(size * (factor or 1)) for size, factor in zip(sizes, factors, strict=True)]


def _nearest(x: Bounded, output: Any, *scales: Any) -> Bounded:
    """Bound a pick along each dim. Where ways to compute a place in float32 differ, what each of them picks is in the bound."""
    factors = factors_of(scales, x.value.ndim - 2)
    wanted = wanted_of(x.value.shape[2:], output, factors)
    given = {"size": wanted} if None in factors else {"scale_factor": factors}
    value = torch.nn.functional.interpolate(to_tensor(x.real), **given).numpy()
    low, high = x.real - x.error, x.real + x.error
    for axis, (count, factor) in enumerate(zip(wanted, factors, strict=True), start=2):
        picks = _picks(x.value.shape[axis], count, factor)
        low = np.minimum.reduce([np.take(low, pick, axis) for pick in picks])
        high = np.maximum.reduce([np.take(high, pick, axis) for pick in picks])
    return Bounded(value, np.maximum(high - value, value - low))


def _picks(size: int, wanted: int, factor: float | None) -> list[NDArray[np.int64]]:
    """Return the places [wanted] that torch, which multiplies by a rounded quotient, and engines that divide pick.

    They differ only where i size / wanted is a whole number: others are at least 1 / wanted away from one.
    """
    if max(size, wanted) > MOST_PLACES:
        raise NotCertifiedError(f"picking from more than {MOST_PLACES} places has no certified rule")
    index, quotient = np.arange(wanted, dtype=np.float32), 1 / factor if factor else size / wanted
    down, up = np.float32(quotient), np.float32(factor or wanted / size)
    ways = (index.astype(np.float64) * quotient, index * down, index / up, index * (np.float32(1) / up))
    return [np.clip(np.floor(way).astype(np.int64), 0, size - 1) for way in ways]


RULES: dict[str, Rule] = {
    **{name: _interpolated(kernel) for name, kernel in KERNELS.items()},
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"), _nearest),
}
