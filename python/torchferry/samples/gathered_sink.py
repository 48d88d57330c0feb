"""Answers of small batches written together: each call of NumPy and pyarrow costs as much as a hundred answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from torchferry.bundle.contract import Array

_ENOUGH = 65_536  # elements that are held before they are written


class _Sink(Protocol):
    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None: ...
    def finish(self) -> None: ...


class GatheredSink:
    """Holds batches of the outputs `names`, all [N, ...], until there are enough for one call of another sink.

    For files, which nobody reads before they are whole: an answer to a pipe does not wait.
    """

    def __init__(self, sink: _Sink, names: Sequence[str]) -> None:
        self.count = 0
        self._sink, self._names = sink, names
        self._held: list[dict[str, Array]] = []
        self._ids: list[str] | None = None
        self._elements = 0

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:
        """Hold one batch of outputs [N, ...]; write what is held before one of other sizes, or when it is enough."""
        batch = {name: outputs[name] for name in self._names}
        if self._held and _sizes(batch) != _sizes(self._held[0]):
            self._write_held()
        self._held.append(batch)
        if ids is not None:
            self._ids = self._ids or []
            self._ids.extend(ids)
        self._elements += sum(array.size for array in batch.values())
        self.count += len(next(iter(batch.values())))
        if self._elements >= _ENOUGH:
            self._write_held()

    def finish(self) -> None:
        """Write what is held."""
        self._write_held()
        self._sink.finish()

    def _write_held(self) -> None:
        held, ids = self._held, self._ids
        self._held, self._ids, self._elements = [], None, 0
        if held:
            self._sink.write({name: np.concatenate([batch[name] for batch in held]) for name in self._names}, ids)


def _sizes(batch: Mapping[str, Array]) -> list[tuple[int, ...]]:
    return [array.shape[1:] for array in batch.values()]
