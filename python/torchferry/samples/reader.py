"""A reader of some inputs of `predict`, out of one file or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torchferry.bundle.contract import Array
from torchferry.errors import ElementError
from torchferry.samples.table import Table


@dataclass(frozen=True)
class Reader:
    """Some inputs out of one file, or out of several pictures or sounds. `total`: their samples, where the file says it."""

    origin: str  # the file's name
    total: int | None
    arrays: Iterator[dict[str, Array]]
    batched: bool = True
    table: Table | None = None
    files: Sequence[str] = ()  # where there are several: one for each sample, in order
    has_pictures: bool = False
    skip: Callable[[int | None], int] | None = None  # of a table or of lines: passes over samples, and says how many there were
    first: int = 0  # the row of the file that is read first, where not all are read

    def placed(self, error: ElementError, before: int) -> ElementError:
        """Return the error of a call behind `before` samples with its place in the file: rows count from 0, as in NumPy."""
        if self.files:
            return error.at(self.files[before + error.index[0]], error.index[1:])
        return error.at(self.origin, (self.first + before + error.index[0], *error.index[1:]) if self.batched else error.index)
