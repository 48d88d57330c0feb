"""Runs of a module in float64 under dispatch modes: one, or several beside each other."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bounds.progress import Say, with_time_left
from torchferry.bundle.contract import Array, Contract
from torchferry.engines.torch_device import set_threads, to_arrays, to_tensors
from torchferry.intake.widen import Widen, float64_by_default, widen

MUCH = 1e9  # multiply-adds of a run: what takes less is done sooner than threads are woken

Outputs = Mapping[str, Array]


def run_under(
    double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], mode: TorchDispatchMode
) -> dict[str, Array]:
    """Run a module made by `double_of` on arrays [N, ...] under a dispatch mode that sees the simple operators."""
    with simple_operators(), float64_by_default():
        return _run(double, contract, inputs, mode)


def run_under_each(
    double: torch.nn.Module,
    contract: Contract,
    inputs: Mapping[str, Array],
    modes: Sequence[TorchDispatchMode],
    take: Callable[[Outputs], None],
    *,
    work: float,
    what: str,
    say: Say | None = None,
) -> None:
    """Run as `run_under` under each mode, and give `take` the outputs [N, ...] in the order of the modes.

    Runs of much `work`, in multiply-adds, are made beside each other, each on one core. Threads inside an operator would wait for each
    other after each one; runs need not, and have the same bits however many there are. `say` is told the progress of `what`.
    """
    cores = _cores() if work >= MUCH else 1
    with simple_operators(), float64_by_default():
        if cores == 1:
            for mode in with_time_left(modes, what, say):
                take(_run(double, contract, inputs, mode))
            return
        run = _OwnModule(double, contract, inputs)
        set_threads(1)
        pool = ThreadPoolExecutor(cores)
        try:
            results = pool.map(run, modes)
            for _ in with_time_left(modes, what, say):
                take(next(results))
        finally:
            pool.shutdown(cancel_futures=True)


class _OwnModule:
    """Runs a module, each thread a copy of its own: a module may keep values in itself while it runs. Weights are shared."""

    def __init__(self, double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array]) -> None:
        self._double = double
        self._contract = contract
        self._inputs = inputs
        self._own = threading.local()

    def __call__(self, mode: TorchDispatchMode) -> Outputs:
        """Return the outputs [N, ...] under `mode`."""
        if not hasattr(self._own, "module"):
            shared = {id(tensor): tensor for tensor in (*self._double.parameters(), *self._double.buffers())}
            self._own.module = copy.deepcopy(self._double, dict(shared))
        return _run(self._own.module, self._contract, self._inputs, mode)


def _run(double: torch.nn.Module, contract: Contract, inputs: Mapping[str, Array], mode: TorchDispatchMode) -> dict[str, Array]:
    ordered = {spec.name: widen(inputs[spec.name]) for spec in contract.inputs}
    set_threads(1)
    with torch.no_grad(), Widen(), mode:
        # no_grad and not inference_mode: only then composite operators arrive here as the simple ones that they are made of.
        values = double(*to_tensors(ordered, torch.device("cpu")))
    return to_arrays(contract, values)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def simple_operators() -> Iterator[None]:
    """Fused attention would be one operator with one rounding; here it must be its parts."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
