"""Estimated bounds: how far the outputs move when every operator's result is moved by its own rounding error.

The module runs in float64 under a dispatch mode that adds to each operator's float result a random amount, uniform between plus
and minus the size of that operator's float32 rounding error on these very values (rounding_size.py). The largest deviation of
16 such runs, times a factor, bounds what engines do: they round as often, in another order. This is the stochastic arithmetic of
CESTAC and CADNA (J. Vignes, 2004, Discrete stochastic arithmetic for validating results of numerical software).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bounds.normalization import NORMALIZATIONS
from torchferry.bounds.rounding_size import is_exact, rounding_size
from torchferry.bundle.contract import Array, Contract
from torchferry.engines.torch_device import set_threads, to_arrays, to_tensors
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.widen import double_of, float64_everywhere, run_in_float64, widen

DRAWS = 16
FACTOR = 4


class Noise:
    """Seeded uniform noise."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def add(self, result: torch.Tensor, size: torch.Tensor, *, in_place: bool = False) -> torch.Tensor:
        """Return the result, in its shape, moved by at most `size`; what is not finite stays."""
        noise = torch.rand(result.shape, generator=self._generator, dtype=torch.float64).mul_(2).sub_(1).mul_(size)
        noise = torch.where(torch.isfinite(result) & torch.isfinite(noise), noise, 0.0)
        return result.add_(noise) if in_place else result + noise


class Perturb(TorchDispatchMode):
    """Moves the float result of every operator by its rounding error."""

    def __init__(self, noise: Noise) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self._noise = noise

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` and move what it gives."""
        named = dict(kwargs or {})
        name = func.overloadpacket.__name__
        if name in NORMALIZATIONS:
            return NORMALIZATIONS[name](self._noise, *args, **named)
        if is_exact(func, name):
            return func(*args, **named)
        in_place = name.endswith("_") and not name.startswith("_")
        size = rounding_size(func, name, args, named) if in_place else None
        result = func(*args, **named)
        return self._moved(func, name, args, named, result, size)

    def _moved(self, func: Any, name: str, args: Any, kwargs: Any, result: Any, size: Callable[[Any], Any] | None) -> Any:
        if isinstance(result, tuple | list):
            return type(result)(self._moved(func, name, args, kwargs, item, size) for item in result)
        if not isinstance(result, torch.Tensor) or not result.is_floating_point() or result.numel() == 0:
            return result
        find = size or rounding_size(func, name, args, kwargs)
        return self._noise.add(result, find(result), in_place=size is not None)


def estimated_bounds(
    module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], *, seed: int = 0
) -> dict[str, float]:
    """Return FACTOR times the largest deviation in DRAWS runs on inputs [N, ...], for each float output.

    Raises FerryError(BAD_INPUT) where that has no meaning.
    """
    double = double_of(module)
    names = [spec.name for spec in contract.outputs if spec.is_float]
    centre = run_in_float64(double, contract, inputs)
    largest = dict.fromkeys(names, 0.0)
    for draw in range(DRAWS):
        moved = _run_moved(double, contract, inputs, Noise(seed + draw))
        for name in names:
            largest[name] = max(largest[name], _deviation(name, centre[name], moved[name]))
    return {name: FACTOR * deviation for name, deviation in largest.items()}


def _run_moved(double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], noise: Noise) -> dict[str, Array]:
    ordered = {spec.name: widen(inputs[spec.name]) for spec in contract.inputs}
    set_threads(1)
    # no_grad and not inference_mode: only then composite operators arrive here as the simple ones that they are made of.
    with torch.no_grad(), _no_fused_attention(), float64_everywhere(), Perturb(noise):
        values = double(*to_tensors(ordered, torch.device("cpu")))
    return to_arrays(contract, values)


@contextmanager
def _no_fused_attention() -> Iterator[None]:
    """Fused attention would be one operator with one rounding; here it must be its parts."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _deviation(name: str, centre: Array, moved: Array) -> float:
    if centre.shape != moved.shape:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"golden: output {name}: got shape {list(moved.shape)} under rounding errors of float32, expected {list(centre.shape)}: "
            "a golden input sits on a decision of the module's control flow; choose other goldens",
        )
    a, b = centre.astype(np.float64), moved.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    worst = float(difference.max(initial=0.0))
    if not np.isfinite(worst):
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"golden: output {name}: got a value that is not finite under rounding errors of float32, expected finite values; choose other goldens",
        )
    return worst
