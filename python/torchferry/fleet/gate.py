"""May this roll out? The last report of every machine is held to one promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchferry.compare.status import did_run
from torchferry.errors import ExitCode, FerryError
from torchferry.fleet.entry import Entry
from torchferry.fleet.held import held_to_others
from torchferry.fleet.level import Promise, keeps, level_of, worst_ulp
from torchferry.fleet.store import Fleet
from torchferry.fleet.summary import contradictions

PROMISES: tuple[Promise, ...] = ("bits", "bound")


def promise_of(text: str) -> Promise:
    """Return what --allow names. Raises FerryError(USAGE)."""
    for promise in PROMISES:
        if text == promise:
            return promise
    raise FerryError(ExitCode.USAGE, f"--allow: got {text!r}, expected {' or '.join(PROMISES)}")


def broken(fleet: Fleet, promise: Promise, *, engines: Sequence[str] = (), required: Sequence[str] = ()) -> list[str]:
    """Return a line for each engine of each machine that breaks the promise; none: it may roll out.

    `engines`: those that are judged; none: all. `required`: those that must have run on every machine; they are judged too.
    """
    found = [line for entry in fleet.latest for line in _of_machine(entry, promise, engines, required)]
    return [*found, *contradictions(fleet.latest), *held_to_others(fleet.latest)]


def _of_machine(entry: Entry, promise: Promise, engines: Sequence[str], required: Sequence[str]) -> Iterator[str]:
    judged = [engine for engine in entry.report.engines if not engines or engine.engine in {*engines, *required}]
    ran = {engine.engine for engine in entry.report.engines if did_run(engine.status)}
    if not any(engine.engine in ran for engine in judged):
        yield f"{entry.label}: none of its engines ran, expected at least one"
    for engine in judged:
        if not keeps(level_of(engine), promise):
            detail = f": {engine.reason}" if engine.reason else f", worst {worst_ulp(engine):g} float steps"
            yield f"{entry.label}: {engine.engine} on {engine.device} reached {level_of(engine)}, expected {promise}{detail}"
    for name in required:
        if name not in ran:
            yield f"{entry.label}: {name} did not run, expected it to"
