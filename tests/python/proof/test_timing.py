"""Timing of calls, on a session whose calls take known times of a clock that the test moves."""

from __future__ import annotations

import time
from typing import cast

import pytest

from torchferry.engines.base import Session
from torchferry.proof.timing import time_calls


class Clock:
    """Stands for a session: each call takes the next of these nanoseconds."""

    def __init__(self, *durations: int) -> None:
        self.now, self.durations = 0, list(durations)

    def run(self, _inputs: object) -> None:
        self.now += self.durations.pop(0)


@pytest.fixture
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock(*request.param)
    monkeypatch.setattr(time, "perf_counter_ns", lambda: found.now)
    return found


@pytest.mark.parametrize("clock", [(9000, 30, 10, 50, 20, 40, 7)], indirect=True)
def test_the_first_call_is_not_among_the_others(clock: Clock) -> None:
    times = time_calls(cast(Session, clock), {}, 5)
    assert (times.first, times.others) == (9000, (10, 20, 30, 40, 50))
    assert (times.quantile_us(0.5), times.quantile_us(0.99)) == (0.03, 0.04)


@pytest.mark.parametrize("clock", [(1, 60, 60, 60, 60)], indirect=True)
def test_a_budget_ends_the_calls(clock: Clock) -> None:
    assert len(time_calls(cast(Session, clock), {}, 4, budget_ns=100).others) == 2


@pytest.mark.parametrize("clock", [(1, 500, 500)], indirect=True)
def test_one_call_is_timed_whatever_the_budget(clock: Clock) -> None:
    assert time_calls(cast(Session, clock), {}, 2, budget_ns=100).others == (500,)
