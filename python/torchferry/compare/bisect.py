"""Bisection: the first value inside a model that leaves its tolerance, from the verdicts of a probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_Verdict = Mapping[str, Any]


@dataclass(frozen=True)
class LayerDiff:
    """A layer's output (or what goes `into` it) under the verdict of FORMAT.md section 9; None: the artifact does not show it."""

    layer: str
    kind: str
    verdict: _Verdict | None

    @property
    def is_within(self) -> bool:
        """Seen, and within its tolerance."""
        return self.verdict is not None and bool(self.verdict["passed"])

    @property
    def is_off(self) -> bool:
        """Seen, and out of its tolerance."""
        return self.verdict is not None and not self.verdict["passed"]


@dataclass(frozen=True)
class Bisection:
    """The layers of one golden case in the order in which they ran, then the model's own outputs.

    `built_again`: of an artifact that hides its layers, how the program was made whose layers these are; the outputs are its own.
    """

    case: str
    layers: tuple[LayerDiff, ...]
    outputs: tuple[LayerDiff, ...]
    built_again: str | None = None

    @property
    def first(self) -> LayerDiff | None:
        """The first value out of its tolerance; None: there is none."""
        return next((entry for entry in (*self.layers, *self.outputs) if entry.is_off), None)

    @property
    def suspects(self) -> tuple[LayerDiff, ...]:
        """Layers that the artifact does not show, between the last value within its tolerance and the first one out of it."""
        hidden: list[LayerDiff] = []
        for entry in (*self.layers, *self.outputs):
            if entry.is_off:
                return tuple(hidden)
            hidden = [] if entry.is_within else [*hidden, entry]
        return ()

    @property
    def unseen(self) -> int:
        """How many values the artifact does not show."""
        return sum(entry.verdict is None for entry in self.layers)


def bisection(
    case: str,
    layers: Iterable[tuple[str, str]],
    shown: Mapping[str, str],
    outputs: Iterable[str],
    verdicts: Iterable[_Verdict],
    *,
    built_again: str | None = None,
) -> Bisection:
    """Find the first layer that is off. Of several verdicts of one output the last counts."""
    found = {verdict["output"]: verdict for verdict in verdicts}
    return Bisection(
        case,
        tuple(LayerDiff(name, kind, found[shown[name]] if name in shown else None) for name, kind in layers),
        tuple(LayerDiff(name, "output", found[name]) for name in outputs),
        built_again,
    )
