"""Inputs of `predict`: files told by their content, read a batch at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from torchferry.bundle.call_checks import check_inputs
from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.state import CarriedState
from torchferry.errors import ElementError, ExitCode, FerryError
from torchferry.samples.opener import Opener
from torchferry.samples.options import InputOptions
from torchferry.samples.reader import Reader

_BAD = ExitCode.BAD_INPUT


class SampleSource:
    """Batches of contract inputs; `total` is the number of samples where the files say it."""

    def __init__(self, contract: Contract, readers: Sequence[Reader], state: CarriedState) -> None:
        self.total = min({reader.total for reader in readers if reader.total is not None}, default=None)
        self.count = 0  # samples that were given out
        self._contract, self._readers, self._state = contract, readers, state
        self._batches = self._read()
        self._ahead: list[dict[str, Array]] = []

    @property
    def batches(self) -> Iterator[dict[str, Array]]:
        """The batches that are left: arrays [n, ...] by the names of the inputs."""
        return chain(self._ahead, self._batches)

    def measure(self) -> int:
        """Count the samples; nothing is left to be read. Raises FerryError(BAD_INPUT) where files have different numbers of them."""
        counts = {reader.skip(None) if reader.skip is not None else reader.total for reader in self._readers if reader.batched}
        if len(counts) > 1:
            raise _other_count()
        return counts.pop() or 0 if counts else 1

    @property
    def is_one_a_file(self) -> bool:
        """Is each sample a file of its own?"""
        return all(reader.files for reader in self._readers if reader.batched)

    def read_ahead(self) -> None:
        """Read the first batch now: bad input is told before a runtime is loaded, which takes a hundred times as long."""
        self._ahead = [next(self._batches)]

    def keep(self, outputs: Mapping[str, Array]) -> None:
        """Keep what the next call gets of the outputs [N, ...] of this one, where the user asked for it."""
        self._state.keep(outputs)

    @property
    def ids(self) -> list[str] | None:
        """The identities of the samples of the last batch, where the user named a column of them."""
        return next((reader.table.ids for reader in self._readers if reader.table is not None), None)

    @property
    def files(self) -> list[str]:
        """The files that the samples come from: one for each, or one of all. Raises FerryError(USAGE) where inputs have their own."""
        found = {tuple(reader.files or [reader.origin]) for reader in self._readers}
        if len(found) > 1:
            raise FerryError(
                ExitCode.USAGE,
                "--output: got a folder for samples of several files each, expected one file a sample; name a file",
            )
        return list(found.pop())

    def describe(self) -> str:
        """Say how many samples came from which files, and how these were understood."""
        origins: dict[str, None] = {}  # each once
        for reader in self._readers:
            how = reader.table.how if reader.table is not None else []
            origins[reader.origin + (f" ({'; '.join(how)})" if how else "")] = None
        return f"{self.count} sample{'' if self.count == 1 else 's'} from {', '.join(origins)}"

    def _read(self) -> Iterator[dict[str, Array]]:
        """Raise FerryError(BAD_INPUT) where there is no sample, or not as many in each file."""
        lone = [reader for reader in self._readers if not reader.batched]
        fixed = [next(reader.arrays) for reader in lone]
        batched = [reader for reader in self._readers if reader.batched]
        while True:
            parts = [next(reader.arrays, {}) for reader in batched]
            sizes = {max(map(len, part.values()), default=0) for part in parts} or {1}
            if len(sizes) > 1:
                raise _other_count()
            samples = sizes.pop()
            if samples == 0:
                break
            batch = {name: array for part in (*fixed, *parts) for name, array in part.items()}
            batch = self._state.complete(batch)
            try:
                check_inputs(self._contract, batch)
            except ElementError as error:
                given = zip((*lone, *batched), (*fixed, *parts), strict=True)
                owner = next((reader for reader, part in given if error.name in part), None)
                raise error if owner is None else owner.placed(error, self.count) from None
            self.count += samples
            yield batch
            if not batched:
                return
        if self.count == 0:
            raise FerryError(_BAD, f"{batched[0].origin}: got no samples, expected at least one; is this the right file?")


@contextlib.contextmanager
def open_samples(
    contract: Contract,
    arguments: Sequence[str],
    *,
    batch: int | None,
    options: InputOptions | None = None,
) -> Iterator[SampleSource]:
    """Open `FILE` or `NAME=FILE` arguments, or one file of all inputs (`-` is stdin).

    `batch`: the samples of one batch; None: all that there are.

    Raises FerryError(USAGE, IO or BAD_INPUT).
    """
    if batch is not None and batch < 1:
        raise FerryError(ExitCode.USAGE, f"--batch: got {batch}, expected at least 1")
    with contextlib.ExitStack() as stack:
        options = options or InputOptions()
        own = [f"{name}={source}" for name, source in contract.state.items()] if options.follow else []
        state = CarriedState(contract, options.carry or own)
        opener = Opener(state.lines, stack, batch, options)
        readers = opener.open(arguments)
        if len({reader.total for reader in readers if reader.total is not None}) > 1:
            raise _other_count()
        yield SampleSource(contract, readers, state)


def _other_count() -> FerryError:
    return FerryError(_BAD, "--input: got inputs of different numbers of samples, expected as many in each; cut the longer ones")
