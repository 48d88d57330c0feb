"""Progress of what takes long: how much is done, and about how many seconds are left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Say = Callable[[str], None]
QUIET = 5.0
"""Seconds between two lines; what is done earlier says nothing."""


def with_time_left(steps: Sequence[T], what: str, say: Say | None) -> Iterator[T]:
    """Yield the steps, and say now and then `WHAT 5 of 16, about 20 s left`; nothing where `say` is None."""
    started = last = time.monotonic()
    for done, step in enumerate(steps):
        now = time.monotonic()
        if say is not None and done and now - last >= QUIET:
            last = now
            say(f"{what} {done} of {len(steps)}, about {(now - started) / done * (len(steps) - done):.0f} s left")
        yield step
