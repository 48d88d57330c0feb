"""How long one call of a session takes; the figures and columns are those of `ferry-run bench`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.timing import time_call, time_calls
from torchferry.proof.where import Where

BUDGET_NS = 500_000_000  # a batch size, where the number of calls is not given
MIN_CALLS, MAX_CALLS = 100, 100_000


@dataclass(frozen=True)
class BatchFigures:
    """Times of the calls at one batch size; `first_us` is the first call with that size."""

    batch: int
    calls: int
    first_us: float
    p50_us: float
    p99_us: float

    @property
    def samples_per_s(self) -> float:
        """Samples a second at the median time of a call."""
        return self.batch / self.p50_us * 1e6


@dataclass(frozen=True)
class BenchResult:
    """The session that was timed; `load_ms` is what opening it took: runtime and model."""

    session: Session
    threads: int
    load_ms: float
    batches: tuple[BatchFigures, ...]


def bench(bundle: Bundle, engine: str | None, where: Where, batches: Sequence[int], *, calls: int = 0) -> BenchResult:
    """Time one engine at each batch size, on the samples of the largest golden case repeated; `calls` 0: about half a second.

    `engine` None: the bundle's first that can run here. Raises FerryError: USAGE for a batch size below 1 or `calls` below 0, and
    what opening a session raises.
    """
    for size in batches:
        if size < 1:
            raise FerryError(ExitCode.USAGE, f"--batch: got {size}, expected at least 1")
    if calls < 0:
        raise FerryError(ExitCode.USAGE, f"--calls: got {calls}, expected at least 0")
    largest = max(bundle.manifest.golden.calls, key=lambda case: sum(file.bytes for file in case.inputs.values()))
    golden = read_case(bundle, largest).inputs
    start = time.perf_counter_ns()
    session = where.open(bundle, engine) if engine is not None else where.open_first(bundle)
    load_ms = (time.perf_counter_ns() - start) / 1e6
    figures = tuple(_measure(session, tiled(bundle.contract, golden, size), size, calls) for size in batches)
    return BenchResult(session, where.threads, load_ms, figures)


def tiled(contract: Contract, golden: Mapping[str, Array], batch: int) -> dict[str, Array]:
    """Return the golden inputs [N, ...] with their rows repeated to [batch, ...]; an input without a batch axis or rows stays."""
    inputs = {}
    for spec in contract.inputs:
        array = golden[spec.name]
        is_batched = bool(spec.shape) and spec.shape[0] == BATCH and len(array) > 0
        inputs[spec.name] = array[np.arange(batch) % len(array)] if is_batched else array
    return inputs


def _measure(session: Session, inputs: Mapping[str, Array], batch: int, calls: int) -> BatchFigures:
    first = time_call(session, inputs)
    times = time_calls(session, inputs, calls or _choose_calls(session, inputs))
    return BatchFigures(batch, len(times.others), first / 1e3, times.quantile_us(0.5), times.quantile_us(0.99))


def _choose_calls(session: Session, inputs: Mapping[str, Array]) -> int:
    """Return how many calls take about half a second."""
    quick = max(1, min(time_call(session, inputs), time_call(session, inputs)))
    return min(max(BUDGET_NS // quick, MIN_CALLS), MAX_CALLS)
