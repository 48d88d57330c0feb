"""The times of a model's layers, as its runtime measures them. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field

UNMEASURED_CALLS = 3  # runtimes prepare memory and kernels in their first calls


@dataclass(frozen=True)
class LayerTime:
    """One layer: its `name` in the artifact, or its place in a call where it has none; the operator; the mean of the calls."""

    name: str
    kind: str
    nanoseconds: float


@dataclass
class LayerTimes:
    """Adds up the times of layers, in the order in which they ran first."""

    _totals: dict[tuple[str, str], float] = field(default_factory=dict)

    def add(self, name: str, kind: str, nanoseconds: float) -> None:
        """Add the time of one layer in one call."""
        self._totals[name, kind] = self._totals.get((name, kind), 0.0) + nanoseconds

    def means(self, calls: int) -> list[LayerTime]:
        """Return the mean of each layer over so many calls."""
        return [LayerTime(name, kind, total / calls) for (name, kind), total in self._totals.items()]
