"""Long lists of parameters: a spread of them in `make test`, all of them in `make test-slow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

Item = TypeVar("Item")


def spread(items: Iterable[Item], kept: int) -> list[Item | ParameterSet]:
    """Return every item in order; all but `kept` of them, the first and the last among these, are marked slow."""
    every = list(items)
    if kept >= len(every):
        return [*every]
    chosen = {round(k * (len(every) - 1) / max(kept - 1, 1)) for k in range(kept)}
    return [item if at in chosen else pytest.param(item, marks=pytest.mark.slow) for at, item in enumerate(every)]
