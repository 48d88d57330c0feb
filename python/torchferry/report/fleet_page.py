"""The page of a fleet: what to know before a rollout."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from torchferry.fleet.gate import PROMISES, broken
from torchferry.fleet.store import Fleet
from torchferry.fleet.summary import MachineType, Reached, changes, engines_of, outliers, reached, types_of, versions
from torchferry.report.html import render
from torchferry.report.page import without_folders

Row = tuple[MachineType, list[str], list[Reached | None]]


def fleet_html(fleet: Fleet, made: datetime.datetime) -> str:
    """Return the whole page as HTML; `made`: the time to show."""
    machines = fleet.latest
    engines = engines_of(machines)
    return render(
        "fleet.html",
        fleet=fleet,
        made=f"{made:%Y-%m-%d %H:%M} UTC",
        machines=machines,
        signed=sum(bool(entry.key_ids) for entry in machines),
        broken=broken(fleet, "bound"),
        promises={promise: broken(fleet, promise) for promise in PROMISES},
        engines=engines,
        types=list(_types(fleet, engines)),
        outliers=list(outliers(machines)),
        changes=list(changes(fleet)),
        versions=versions(machines),
        without_folders=without_folders,
    )


def _types(fleet: Fleet, engines: Sequence[str]) -> Iterator[Row]:
    """Yield each type with its machines and what each engine reached there; the most frequent type first."""
    for kind, alike in sorted(types_of(fleet.latest).items(), key=lambda item: -len(item[1])):
        found = reached(alike)
        yield kind, [entry.label for entry in alike], [found.get(name) for name in engines]
