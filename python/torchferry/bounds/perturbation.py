"""Estimated bounds: how far the outputs move when every operator's result is moved by its own rounding error.

The module runs in float64 under a dispatch mode that adds to each operator's float result a random amount, uniform between plus
and minus the size of that operator's float32 rounding error on these very values (rounding_size.py). The largest deviation of
16 such runs, times a factor, bounds what engines do: they round as often, in another order. This is the stochastic arithmetic of
CESTAC and CADNA (J. Vignes, 2004, Discrete stochastic arithmetic for validating results of numerical software).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bounds.drawn_runs import run_under, run_under_each
from torchferry.bounds.normalization import NORMALIZATIONS
from torchferry.bounds.progress import Say
from torchferry.bounds.resampling import RESAMPLINGS
from torchferry.bounds.rounding import UNIT
from torchferry.bounds.rounding_size import Size, is_exact, is_sum, largest_size, rounding_size
from torchferry.bounds.work import work_of
from torchferry.bundle.contract import Array, Contract
from torchferry.intake.widen import double_of

DRAWS = 16
FACTOR = 4

IN_PARTS = {**NORMALIZATIONS, **RESAMPLINGS}
"""Operators whose own parts round, by ATen name."""

NO_WIDER: Mapping[str, float] = MappingProxyType({})


class NotDrawnError(Exception):
    """Why draws give no estimate, in words that follow `since`."""


class Noise:
    """Seeded uniform noise."""

    is_smooth = False  # whether derivatives are taken by it

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def add(self, result: torch.Tensor, size: torch.Tensor, *, in_place: bool = False) -> torch.Tensor:
        """Return the result, in its shape, moved by at most `size`; what is not finite stays."""
        noise = self._drawn(result.shape) * size
        moved = result + noise
        if not math.isfinite(float(moved.sum())):
            moved = result + torch.where(torch.isfinite(result) & torch.isfinite(noise), noise, 0.0)
        return result.copy_(moved) if in_place else moved

    def _drawn(self, shape: torch.Size) -> torch.Tensor:
        """Draw from -1 to 1; in float32, which takes half the time and is fine enough for noise."""
        return torch.rand(shape, generator=self._generator, dtype=torch.float32).mul_(2).sub_(1)


class Moves:
    """What the draws of one module have in common: how far each operator moves, and what the first draw found out about it.

    `wider`: factors by operator name, for kernels that are less exact than the rule says. A sum's error is the same in every draw to
    some 2^-20 of it, so that the sum of magnitudes, as dear as the operator itself, is made once: the first draw is made alone.
    """

    def __init__(self, wider: Mapping[str, float] = NO_WIDER) -> None:
        self.wider = wider
        self._sums: dict[int, tuple[str, Size]] = {}

    def size(self, index: int, func: Any, name: str, args: Any, kwargs: Any) -> Size:
        """Return the size of the error of the operator that is called as number `index`; read the arguments before they change."""
        if not is_sum(name):
            return rounding_size(func, name, args, kwargs)
        found, size = self._sums.get(index, ("", None))
        if size is None or found != name:
            size = rounding_size(func, name, args, kwargs)
            self._sums[index] = name, size
        return size


class Perturb(TorchDispatchMode):
    """Moves the float result of every operator by its rounding error."""

    def __init__(self, noise: Noise, moves: Moves) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self._noise = noise
        self._moves = moves
        self._calls = 0

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` and move what it gives."""
        named = dict(kwargs or {})
        name = func.overloadpacket.__name__
        self._calls += 1
        if name in IN_PARTS:
            return IN_PARTS[name](self._noise, *args, **named)
        if is_exact(func, name):
            return func(*args, **named)
        in_place = name.endswith("_") and not name.startswith("_")
        size = self._moves.size(self._calls, func, name, args, named) if in_place else None
        if name == "convolution":  # an engine may fold a batch norm into the weights, which rounds each of them once
            args = (args[0], self._noise.add(args[1], UNIT * args[1].abs()), *args[2:])
        result = func(*args, **named)
        return self._moved(func, name, args, named, result, size)

    def _moved(self, func: Any, name: str, args: Any, kwargs: Any, result: Any, size: Callable[[Any], Any] | None) -> Any:
        if isinstance(result, tuple | list):
            return type(result)(self._moved(func, name, args, kwargs, item, size) for item in result)
        if isinstance(result, torch.Tensor) and result.is_complex():
            parts = self._moved(func, name, args, kwargs, torch.view_as_real(result), largest_size)
            return torch.view_as_complex(parts)
        if not isinstance(result, torch.Tensor) or not result.is_floating_point() or result.numel() == 0:
            return result
        find = size or self._moves.size(self._calls, func, name, args, kwargs)
        wider = self._moves.wider.get(name, 1.0)
        return self._noise.add(result, find(result) * wider, in_place=size is not None)


def estimated_bounds(
    module: torch.nn.Module,
    contract: Contract,
    inputs: Mapping[str, Array],
    *,
    seed: int = 0,
    wider: Mapping[str, float] = NO_WIDER,
    say: Say | None = None,
) -> dict[str, float]:
    """Return FACTOR times the largest deviation in DRAWS runs on inputs [N, ...], for each float output. Raises NotDrawnError."""
    double = double_of(module)
    names = [spec.name for spec in contract.outputs if spec.is_float]
    centre = run_under(double, contract, inputs, _Plain())  # type: ignore[no-untyped-call]  # torch has no annotation there
    largest = dict.fromkeys(names, 0.0)

    def take(moved: Mapping[str, Array]) -> None:
        for name in names:
            largest[name] = max(largest[name], deviation(name, centre[name], moved[name]))

    moves = Moves(wider)
    modes = [Perturb(Noise(seed + draw), moves) for draw in range(DRAWS)]
    take(run_under(double, contract, inputs, modes[0]))
    work = work_of(module, contract, inputs).total
    run_under_each(double, contract, inputs, modes[1:], take, work=work, what="bounds: draw", say=say)
    return {name: FACTOR * deviation for name, deviation in largest.items()}


class _Plain(TorchDispatchMode):
    """Calls operators as they are: the centre of the draws comes from the same operators."""

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func`."""
        return func(*args, **(kwargs or {}))


def deviation(name: str, centre: Array, moved: Array) -> float:
    """Return how far an output of any shape moved at most. Raises NotDrawnError for another shape, or where only one is finite."""
    if centre.shape != moved.shape:
        raise NotDrawnError(
            f"output {name} has the shape {list(moved.shape)} under rounding errors of float32, and {list(centre.shape)} without: "
            "a golden sits on a decision of the module's control flow"
        )
    a, b = centre.astype(np.float64), moved.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    worst = float(difference.max(initial=0.0))
    if not np.isfinite(worst):
        raise NotDrawnError(f"output {name} is not finite under rounding errors of float32")
    return worst
