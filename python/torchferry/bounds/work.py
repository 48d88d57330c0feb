"""What one draw of a module takes, counted in a run of it: decides what is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bounds.drawn_runs import simple_operators
from torchferry.bounds.normalization import NORMALIZATIONS
from torchferry.bounds.resampling import RESAMPLINGS
from torchferry.bounds.rounding_size import is_exact, multiply_adds
from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.engines.torch_device import set_threads, to_tensors
from torchferry.intake.golden_cases import least_samples
from torchferry.intake.outputs import symbol_sizes

CALL = 1e6  # multiply-adds in the time that it takes to move one operator's result, however small it is
PARTS = 5  # results that are moved inside a normalization or a resampling


@dataclass(frozen=True)
class Work:
    """Of one draw: multiply-adds, with what moving the results takes in their unit, and operators."""

    multiply_adds: float
    calls: int

    @property
    def total(self) -> float:
        """Multiply-adds in the time of the whole draw."""
        return self.multiply_adds + CALL * self.calls


def work_of(module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> Work:
    """Return the work of a draw on inputs [N, ...], counted on the first of independent samples. Raises what the module raises."""
    least = least_samples(contract, inputs)
    count, few = (symbol_sizes(contract.inputs, given).get(BATCH, 1) for given in (inputs, least))
    first = _counted(module, contract, least)
    return Work(first.multiply_adds * count / max(few, 1), first.calls)


def _counted(module: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> Work:
    ordered = {spec.name: inputs[spec.name] for spec in contract.inputs}
    count = _Count()
    set_threads(1)
    with torch.no_grad(), simple_operators(), count:
        module(*to_tensors(ordered, torch.device("cpu")))
    return Work(count.multiply_adds, count.calls)


class _Count(TorchDispatchMode):
    """Counts what each operator would take under a draw."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self.multiply_adds = 0.0
        self.calls = 0

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func`, and count it."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        self.calls += 1
        if not is_exact(func, name):
            parts = result if isinstance(result, tuple | list) else (result,)
            moved = sum(multiply_adds(name, args, part) for part in parts if _is_moved(part))
            self.multiply_adds += PARTS * moved if name in NORMALIZATIONS or name in RESAMPLINGS else moved
        return result


def _is_moved(part: object) -> bool:
    return isinstance(part, torch.Tensor) and (part.is_floating_point() or part.is_complex())
