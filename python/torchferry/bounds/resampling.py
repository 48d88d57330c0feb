"""Upsampling under rounding errors: places in the input, and weights, are computed in float32, once for a whole row of the output.

What a place is off by moves all numbers of its row alike, and so is drawn once for them; the scale is rounded once for all places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchferry.bounds.normalization import NoiseSource
from torchferry.bounds.rounding import UNIT
from torchferry.bounds.rules.upsampling import KERNELS, Kernel, factors_of, is_exact, places_of, wanted_of, weights_at

CORNER = 1e-5
"""Of two numbers of the input, how near a place is that roundings may carry across one of them."""


def upsample(name: str, noise: NoiseSource, x: Tensor, output: Any, align_corners: bool, *scales: Any) -> Tensor:
    """Interpolate x [N, C, ...] with moved places, weights and sums, one dim after the other."""
    kernel, dims = KERNELS[name], x.ndim - 2
    factors = factors_of(scales, dims)
    for axis, (wanted, factor) in enumerate(zip(wanted_of(x.shape[2:], output, factors), factors, strict=True), start=2):
        size = x.shape[axis]
        places = torch.from_numpy(places_of(size, wanted, factor, align_corners=align_corners))
        exact = is_exact(size, wanted, factor, align_corners=align_corners)
        matrix = _weights(noise, kernel, size, places if exact else _moved(noise, places), exact=exact)
        # one product and one addition for each weight after the first, in the size of what is added up
        rounding = UNIT * math.sqrt(2 * kernel.reach)
        turned = x.movedim(axis, -1)
        made = noise.add(turned @ matrix.T, rounding * (turned.abs() @ matrix.abs().T))
        x = made.movedim(-1, axis)
    return x


def _moved(noise: NoiseSource, places: Tensor) -> Tensor:
    """Move places by the rounding of the scale, which is the same for all of them, and by two of their own."""
    common = noise.add(torch.zeros((), dtype=torch.float64), torch.full((), UNIT, dtype=torch.float64))
    own = noise.add(torch.zeros_like(places), math.sqrt(2) * UNIT * (places.abs() + 1))
    return places + common * (places.abs() + 1) + own


def _weights(noise: NoiseSource, kernel: Kernel, size: int, places: Tensor, *, exact: bool) -> Tensor:
    """Return moved weights [out, in]. Raises ValueError where a derivative is asked for and a place is on a corner of the kernel."""
    if noise.is_smooth and kernel.reach == 1 and bool(((places - places.round()).abs() < CORNER).any()):
        raise ValueError("linear interpolation has no derivative at the numbers of its input")
    weights, rounding = weights_at(kernel, size, places, torch.zeros_like(places), exact=exact)
    return noise.add(weights, UNIT * rounding.detach())


def _of(name: str) -> Callable[..., Tensor]:
    return lambda noise, *args, **named: upsample(name, noise, *args, **named)


def sample_grid(operator: Any, noise: NoiseSource, x: Tensor, grid: Tensor, mode: int, *others: Any) -> Tensor:
    """Sample x [N, C, ...] at moved places of a grid [N, ..., 2 or 3], by moved weights."""
    # g + 1, times half the size, less a half: what these round is at most so much of |g| + 1
    moved = noise.add(grid, PLACE_ROUNDINGS * UNIT * (grid.abs() + 1))
    found: Tensor = operator(x, moved, mode, *others)
    largest = x.abs().amax(tuple(range(2, x.ndim)), keepdim=True)
    return noise.add(found, (WEIGHT_ROUNDINGS[mode] * UNIT * largest).expand_as(found))


PLACE_ROUNDINGS = 2.0
"""Four independent roundings, of a deviation of two."""
WEIGHT_ROUNDINGS = (4.0, 0.0, 8.0)
"""Of weights and sums beside the largest number, by mode: bilinear (4 or 8 terms), nearest, bicubic (16 terms of polynomials)."""

RESAMPLINGS: dict[str, Callable[..., Tensor]] = {
    **{name: _of(name) for name in KERNELS},
    "grid_sampler_2d": partial(sample_grid, torch.ops.aten.grid_sampler_2d.default),
    "grid_sampler_3d": partial(sample_grid, torch.ops.aten.grid_sampler_3d.default),
}
