"""The calls of a part: batches of rows, and what becomes of a row that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from torchferry.bundle.contract import Array, Contract
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.lines import OpenRowError
from torchferry.samples.options import InputOptions
from torchferry.samples.source import open_samples
from torchferry.score.job import Job
from torchferry.score.plan import Part


@dataclass(frozen=True)
class Call:
    """The inputs [n, ...] of one call, by name, and the identities of its samples where the user named a column of them."""

    inputs: dict[str, Array]
    ids: list[str] | None


@dataclass(frozen=True)
class Skipped:
    """A row that cannot be read: its number, of all inputs, and why."""

    row: int
    reason: str


class PartRows:
    """The rows of a part as calls of `job.batch` rows; `skipped` grows where bad rows are to be left out.

    A call has the good rows among its own, so that one bad row changes no other call.
    """

    def __init__(self, contract: Contract, job: Job, part: Part) -> None:
        self.skipped: list[Skipped] = []
        self._contract, self._job, self._part = contract, job, part

    def calls(self) -> Iterator[Call]:
        """Yield the calls in the order of the rows. Raises FerryError(BAD_INPUT) for a bad row unless such rows are skipped."""
        at = self._part.start
        while at < self._part.stop:
            try:
                for call in self._read(at, self._part.stop):
                    yield call
                    at += len(next(iter(call.inputs.values())))
                return
            except FerryError as error:
                if error.code != ExitCode.BAD_INPUT or self._job.bad_rows == "fail":
                    raise
            end = min(at + self._job.batch, self._part.stop)
            if good := list(self._good(at, end)):
                yield _joined(good)
            at = end

    def _good(self, start: int, stop: int) -> Iterator[Call]:
        """Yield the rows that can be read, in pieces; the halves of a piece with a bad row are read by themselves."""
        try:
            whole = list(self._read(start, stop, batch=stop - start))
        except FerryError as error:
            if error.code != ExitCode.BAD_INPUT:
                raise
            if isinstance(error, OpenRowError):  # what looks like the next row may be its end
                raise FerryError(error.code, f"{error}, for a row over several lines cannot be skipped") from None
            if stop - start == 1:
                self.skipped.append(Skipped(self._part.first + start - self._part.start, str(error)))
                return
            middle = (start + stop) // 2
            yield from self._good(start, middle)
            yield from self._good(middle, stop)
        else:
            yield from whole

    def _read(self, start: int, stop: int, batch: int | None = None) -> Iterator[Call]:
        """Yield rows of the stream from `start` on."""
        part, options = self._part, InputOptions(self._job.table, rows=range(start, stop), objects=True)
        arguments: Sequence[str] = part.arguments
        if part.one_a_file:
            arguments = arguments[start - part.start : stop - part.start]
            options = InputOptions(self._job.table, objects=True)
        expected = stop - start
        with open_samples(self._contract, arguments, batch=batch or self._job.batch, options=options) as source:
            for inputs in source.batches:
                yield Call(inputs, source.ids)
            if source.count != expected:
                raise FerryError(
                    ExitCode.INTEGRITY,
                    f"{arguments[0]}: got {source.count} rows, expected {expected}; the input changed while it was scored: score it again",
                )


def _joined(calls: Sequence[Call]) -> Call:
    """Return one call [n, ...] of the rows of all."""
    inputs = {name: np.concatenate([call.inputs[name] for call in calls]) for name in calls[0].inputs}
    ids = None if calls[0].ids is None else [one for call in calls for one in call.ids or ()]
    return Call(inputs, ids)
