"""What every kind of table gives: rows that are samples of one or several inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torchferry.bundle.contract import Array


class Table(Protocol):
    """An opened table. `ids`: the identities of the samples that were read last, where the user named their column."""

    ids: list[str] | None

    def batches(self, batch: int | None) -> Iterator[dict[str, Array]]:
        """Yield the inputs of up to `batch` samples [n, ...]; None: of all. Raises FerryError(BAD_INPUT) with the place."""

    def skip(self, count: int | None) -> int:
        """Pass over the next samples, at most `count` (None: all), without a look at their values; return how many there were."""

    @property
    def how(self) -> list[str]:
        """Return what was found out about the file, for the user; whole after the last batch."""
