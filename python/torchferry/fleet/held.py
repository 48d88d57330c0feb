"""Were all machines held to the same? Reports about one bundle are about one set of goldens and one bound for each kind of check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchferry.attest.report import EngineReport
from torchferry.fleet.entry import Entry

_Goldens = dict[tuple[str, str], int]  # elements of each case and output
_Row = tuple[str, ...]


def held_to_others(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield a line for each machine whose report leaves out what another's has, or that was held to a wider bound."""
    goldens: _Goldens = {}
    bounds: dict[_Row, float] = {}
    for entry in entries:
        for engine in entry.report.engines:
            for cell, count in _goldens(engine).items():
                goldens[cell] = max(count, goldens.get(cell, 0))
        for row, bound in _bounds(entry):
            bounds[row] = min(bound, bounds.get(row, bound))
    for entry in entries:
        yield from _of_machine(entry, goldens, bounds)


def _of_machine(entry: Entry, goldens: _Goldens, bounds: dict[_Row, float]) -> Iterator[str]:
    for engine in entry.report.engines:
        found = _goldens(engine)
        less = [cell for cell in goldens if found and found.get(cell, 0) < goldens[cell]]
        if less:
            case, output = less[0]
            yield (
                f"{entry.label}: {engine.engine} on {engine.device} was held to {found.get(less[0], 0)} values of {output} in {case}, "
                f"expected {goldens[less[0]]} as elsewhere; verify again"
            )
    for row, bound in dict(_bounds(entry)).items():
        if bound > bounds[row]:
            yield f"{entry.label}: {row[0]} on {row[1]} was held to {bound:g} for {row[2]}, expected {bounds[row]:g} as elsewhere; verify again"


def _goldens(engine: EngineReport) -> _Goldens:
    """Return what an engine that passed was held to."""
    return {(one.case, one.output): one.compared for one in engine.verdicts if engine.status == "passed"}


def _bounds(entry: Entry) -> Iterator[tuple[_Row, float]]:
    """Yield the bounds of a report, by what makes one row of a manifest."""
    for engine in entry.report.engines:
        for one in engine.verdicts:
            yield (engine.engine, engine.device, one.output, one.kind, one.reference), one.bound
