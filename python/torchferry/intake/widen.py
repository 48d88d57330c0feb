"""Running a module of float32, float16 or bfloat16 in float64 without changing its source."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.dtype import holds_floats
from torchferry.engines.torch_device import set_threads, to_arrays, to_tensors
from torchferry.intake.halves import HALVES
from torchferry.intake.quiet import quiet

NARROWER = (torch.float32, *HALVES)
RMS_EPS = torch.finfo(torch.float32).eps
"""The eps of a root-mean-square norm of float32 that is given none (torch.nn.RMSNorm)."""
_RMS_NORMS = (torch.nn.functional.rms_norm, torch.rms_norm, torch.ops.aten.rms_norm.default)


class Widen(TorchDispatchMode):
    """Every conversion to a narrower float that the module's code asks for (`x.float()`, `dtype=torch.float16`) is one to float64.

    A root-mean-square norm without eps takes that of its dtype: here it is the module's, of float32.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self._calls = _EpsOfFloat32()

    def __enter__(self) -> Widen:
        self._calls.__enter__()  # type: ignore[no-untyped-call]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)  # type: ignore[no-untyped-call]
        self._calls.__exit__(*problem)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` with float64 for narrower floats."""
        args, kwargs = _with_eps(func, args, kwargs)
        return func(*map(_widen_dtype, args), **{key: _widen_dtype(value) for key, value in kwargs.items()})


class _EpsOfFloat32(TorchFunctionMode):
    """Gives it to norms before they become smaller operators, as they do where derivatives may be asked for."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` with an eps where it is a norm that has none."""
        args, kwargs = _with_eps(func, args, kwargs)
        return func(*args, **kwargs)


def _with_eps(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any] | None
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of a call; `eps` is the fourth of a root-mean-square norm."""
    kwargs = kwargs or {}
    if func not in _RMS_NORMS or kwargs.get("eps") is not None or (len(args) > 3 and args[3] is not None):
        return args, kwargs
    return args[:3], {**kwargs, "eps": RMS_EPS}


def _widen_dtype(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in NARROWER else value


@contextmanager
def float64_by_default() -> Iterator[None]:
    """Make new tensors without a dtype float64, in all threads."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def float64_everywhere() -> Iterator[None]:
    """Make new tensors without a dtype float64, and those that ask for float32 too."""
    with float64_by_default(), Widen():
        yield


def double_of(module: torch.nn.Module) -> torch.nn.Module:
    """Copy a module with float64 parameters and buffers."""
    with quiet():  # torch warns of its own tensors in a TorchScript module
        return copy.deepcopy(module).double()


def run_in_float64(double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run a module made by `double_of` on arrays [N, ...]: float outputs as float64, others in the contract's dtype."""
    ordered = {spec.name: widen(inputs[spec.name]) for spec in contract.inputs}
    set_threads(1)
    with torch.inference_mode(), float64_everywhere():
        values = double(*to_tensors(ordered, torch.device("cpu")))
    return to_arrays(contract, values)


def widen(array: Array) -> Array:
    """Convert floats of any shape to float64; others stay as they are."""
    return array.astype("float64") if holds_floats(array) else array
