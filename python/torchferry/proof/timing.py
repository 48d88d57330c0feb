"""The one way in which calls of a session are timed; cpp/cli/bench.cpp does the same."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from torchferry.bundle.contract import Array
from torchferry.engines.base import Session


@dataclass(frozen=True)
class Times:
    """Durations in nanoseconds: of the first call, which no median counts, and of those that follow, sorted."""

    first: int
    others: tuple[int, ...]

    def quantile_us(self, fraction: float) -> float:
        """Return the time in microseconds below which `fraction` of the calls lie; 0.5 is the median."""
        return max(self.others[int(fraction * (len(self.others) - 1))], 1) / 1e3


def time_calls(session: Session, inputs: Mapping[str, Array], calls: int, *, budget_ns: int | None = None) -> Times:
    """Time a first call on inputs [N, ...], then `calls` calls, or as many as `budget_ns` allows, but one."""
    first = time_call(session, inputs)
    end = None if budget_ns is None else time.perf_counter_ns() + budget_ns
    times: list[int] = []
    while len(times) < calls and (not times or end is None or time.perf_counter_ns() < end):
        times.append(time_call(session, inputs))
    return Times(first, tuple(sorted(times)))


def time_call(session: Session, inputs: Mapping[str, Array]) -> int:
    """Return the nanoseconds of one call on inputs [N, ...]."""
    start = time.perf_counter_ns()
    session.run(inputs)
    return time.perf_counter_ns() - start
