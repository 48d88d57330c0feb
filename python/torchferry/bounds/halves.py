"""Bounds of modules in float16 or bfloat16: the draws of perturbation.py, with each operator's rounding in the precision that it has there.

Such a module runs as it is, and each of its operators a second time in float64, on what it gave there: which precision a result has
is read off the first run. Engines compute an operator in float32 or better and round its result once; one that rounds partial sums to
16 bits is no such engine, and its format refuses (formats/halves.py). The unit roundoff is 2^-11 for float16 and 2^-8 for
bfloat16 (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, section 2.1, for significands of 11 and 8 bits).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from torchferry.bounds.drawn_runs import simple_operators
from torchferry.bounds.normalization import NORMALIZATIONS
from torchferry.bounds.perturbation import DRAWS, FACTOR, Noise, NotDrawnError, deviation
from torchferry.bounds.progress import Say, with_time_left
from torchferry.bounds.rounding_size import Size, is_exact, largest_size, rounding_size
from torchferry.bundle.contract import Array, Contract
from torchferry.compare.telling import largest
from torchferry.engines.base import name_outputs
from torchferry.engines.torch_device import set_threads, to_tensors
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.halves import is_half, tensors_in
from torchferry.intake.widen import NARROWER, double_of, run_in_float64

UNITS = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
SMALLEST = {torch.float16: 2.0**-24, torch.bfloat16: 2.0**-126}
"""What results near 0 may be off: a step of float16's subnormal numbers; bfloat16 has the exponents of float32."""
CONVERSIONS = frozenset({"_to_copy", "copy", "copy_"})
UNEXPLAINED = 2.0**-6
"""Of an output's largest value: what numbers in the code, which half precision rounds, may come to whatever the draws say."""
FUSED = ("scaled_dot_product_attention",)
"""Functions that one kernel computes with results inside in the precision of its arguments, and their parts in float32."""


def half_bounds(
    module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], *, seed: int = 0, say: Say | None = None
) -> dict[str, float]:
    """Return FACTOR times the largest deviation in DRAWS runs on inputs [N, ...], for each float output.

    Raises NotDrawnError, and FerryError(MISMATCH) for a module that computes something else in float64.
    """
    names = [spec.name for spec in contract.outputs if spec.is_float]
    centre = run_in_float64(double_of(module), contract, inputs)  # numbers in the code are not rounded there
    plain = in_float64(module, contract, inputs, None)
    most, spread = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for draw in with_time_left(range(DRAWS), "bounds: draw", say):
        moved = in_float64(module, contract, inputs, Noise(seed + draw))
        for name in names:
            most[name] = max(most[name], deviation(name, centre[name], moved[name]))
            spread[name] = max(spread[name], deviation(name, plain[name], moved[name]))
    for name in names:
        _require_same(name, deviation(name, centre[name], plain[name]), spread[name], largest(centre[name]))
    return {name: FACTOR * value for name, value in most.items()}


def _require_same(name: str, shift: float, spread: float, size: float) -> None:
    """Require that the module and its copy in float64 differ by no more than numbers in its code that half precision rounds."""
    if shift > max(FACTOR * spread, UNEXPLAINED * size):
        raise FerryError(
            ExitCode.MISMATCH,
            f"module: output {name}: got {shift:.3g} between its operators in float64 and its copy in float64, of {size:.3g}, which rounding does "
            "not explain; the module computes something else in float64 (a dtype that depends on its input's?); nothing was written",
        )


def in_float64(module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], noise: Noise | None) -> dict[str, Array]:
    """Return the outputs [N, ...] of the float64 run beside the module's own; moved by `noise`, or as they are."""
    tensors = to_tensors({spec.name: inputs[spec.name] for spec in contract.inputs}, torch.device("cpu"))
    set_threads(1)
    beside = Beside(noise)
    with torch.no_grad(), simple_operators(), _fused(beside), beside:
        named = name_outputs(contract, module(*tensors))
    found = {}
    for name, value in named.items():
        if not isinstance(value, Tensor):
            raise NotDrawnError(f"output {name} is no tensor")
        found[name] = beside.wide(value).detach().numpy()
    return found


class Beside(TorchDispatchMode):
    """Runs each operator a second time in float64, and moves that result by its rounding error; without noise it stays."""

    def __init__(self, noise: Noise | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self._noise = noise
        self._wide = WeakTensorKeyDictionary()
        self.fused: torch.dtype | None = None  # the precision of the fused function that runs now

    def wide(self, value: Any) -> Any:
        """Return what stands beside a value of the module: float64 for narrower floats, also inside lists and tuples, and as dtypes."""
        if isinstance(value, Tensor):
            if value not in self._wide:
                self._wide[value] = value.double() if value.dtype in NARROWER else value.clone()
            return self._wide[value]
        if isinstance(value, list | tuple):
            return type(value)(map(self.wide, value))
        return torch.float64 if isinstance(value, torch.dtype) and value in NARROWER else value

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` as it is, and in float64."""
        named = dict(kwargs or {})
        name = func.overloadpacket.__name__  # type: ignore[attr-defined]  # of torch's operators
        wide_args, wide_named = self.wide(args), {key: self.wide(item) for key, item in named.items()}
        size = self._size(func, name, wide_args, wide_named) if self._noise else None
        result = func(*args, **named)
        wide = func(*wide_args, **wide_named)
        for own, beside in zip(tensors_in(result), tensors_in(wide), strict=True):
            self._wide[own] = self._moved(name, own, beside, (args, named), size)
        return result

    def _size(self, func: Any, name: str, args: Any, named: dict[str, Any]) -> Size | None:
        """Return the size of the operator's error in float32, from its float64 arguments before they change; None where it has none."""
        if is_exact(func, name):
            return None
        return largest_size if name in NORMALIZATIONS else rounding_size(func, name, args, named)

    def _moved(self, name: str, own: Tensor, wide: Tensor, given: Any, size: Size | None) -> Tensor:
        """Return the float64 result moved by what the operator rounds in float32, and its result to the precision that it has."""
        if self._noise is None or not wide.is_floating_point() or wide.numel() == 0:
            return wide
        half = own.dtype if is_half(own.dtype) else self.fused
        rounds = half is not None and (size is not None or _rounds(name, own.dtype, given))
        if size is None and not rounds:
            return wide  # it may be a view of another
        total = torch.zeros_like(wide) if size is None else size(wide)
        if half is not None and rounds:
            total = total + UNITS[half] * wide.abs() + SMALLEST[half] * (wide != 0)
        in_place = name.endswith("_") and not name.startswith("_")
        return self._noise.add(wide, total, in_place=in_place)


def _rounds(name: str, dtype: torch.dtype, given: Any) -> bool:
    """Say whether an operator that only moves values rounds them to `dtype`: a wider tensor, or a number that it does not hold."""
    tensors = tensors_in(list(given[0]))
    if name in CONVERSIONS:
        return any(tensor.is_floating_point() and tensor.dtype != dtype for tensor in tensors) or not all(
            tensor.is_floating_point() for tensor in tensors
        )
    numbers = [item for item in (*given[0], *given[1].values()) if isinstance(item, float)]
    return any(float(torch.tensor(item, dtype=dtype)) != item for item in numbers)


@contextmanager
def _fused(beside: Beside) -> Iterator[None]:
    """Tell `beside` which fused function runs: what its parts give in float32 is rounded in the precision of its arguments."""
    with _Functions(beside):
        yield


class _Functions(TorchFunctionMode):
    """Notes the precision of fused functions while they run."""

    def __init__(self, beside: Beside) -> None:
        super().__init__()
        self._beside = beside

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func`."""
        if getattr(func, "__name__", "") not in FUSED or not is_half(args[0].dtype):
            return func(*args, **(kwargs or {}))
        self._beside.fused = args[0].dtype
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self._beside.fused = None
