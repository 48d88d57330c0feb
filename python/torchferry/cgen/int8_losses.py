"""How far each value of an int8 graph is from the same value in float32, on samples: what `ferry diff` allows it to be off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from torchferry.cgen import reference
from torchferry.cgen.emit.seen import Seen
from torchferry.cgen.ir import Graph
from torchferry.cgen.values import Array, Value

MOST_SAMPLES = 64  # of each set


def with_losses(seen: Sequence[Seen], before: Graph, after: Graph, sets: Sequence[Mapping[str, Array]]) -> tuple[Seen, ...]:
    """Return the values with the largest distance that int8 (`after`) has from float32 (`before`) on samples [N, ...] by input."""
    largest = np.zeros(len(seen))
    for inputs in sets:
        some = {name: np.asarray(array)[:MOST_SAMPLES] for name, array in inputs.items()}
        exact, made = reference.run_all(before, some), reference.run_all(after, some)
        with np.errstate(all="ignore"):
            off = [_distance(made[entry.value], exact[_of(entry, after)], entry) for entry in seen]
        largest = np.maximum(largest, off)
    return tuple(replace(entry, loss=float(loss)) for entry, loss in zip(seen, largest, strict=True))


def _of(entry: Seen, after: Graph) -> Value:
    twin = after.twins.get(entry.value)
    return twin.of if twin is not None and twin.kind is not None else entry.value


def _distance(made: Array, exact: Array, entry: Seen) -> float:
    numbers = made.astype(np.float64)
    if entry.kind is not None:
        numbers = (numbers - entry.kind.zero) * entry.kind.scale
    return float(np.nanmax(np.abs(numbers - exact.astype(np.float64)), initial=0.0))
