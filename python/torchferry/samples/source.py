"""Inputs of `predict`: files told by their content, read a batch at a time."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import BinaryIO, Literal, Protocol, cast, get_args

import numpy as np

from torchferry.bundle import npy
from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec, check_inputs
from torchferry.bundle.printable import quoted
from torchferry.bundle.stored_zip import is_zip
from torchferry.errors import ElementError, ExitCode, FerryError
from torchferry.limits import MAX_CSV_SNIFFED_LINES
from torchferry.samples.arrow import is_arrow, open_arrow
from torchferry.samples.columns import TableOptions
from torchferry.samples.csv import CsvTable
from torchferry.samples.foreign import HEAD_BYTES, refuse_foreign
from torchferry.samples.image import is_image, read_image
from torchferry.samples.image_files import expand, holds_files
from torchferry.samples.json_lines import read_json_lines, starts_json
from torchferry.samples.lines import Lines
from torchferry.samples.npy_rows import read_npy
from torchferry.samples.npz import read_npz
from torchferry.samples.picture import Picture
from torchferry.samples.raw import read_raw
from torchferry.samples.state import CarriedState
from torchferry.samples.table import Table
from torchferry.samples.wav import is_wav, read_wav

InputFormat = Literal["auto", "raw", "jsonl", "csv"]
_BAD = ExitCode.BAD_INPUT


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

    def placed(self, error: ElementError, before: int) -> ElementError:
        """Return the error of a call behind `before` samples with its place in the file: rows count from 0, as in NumPy."""
        if self.files:
            return error.at(self.files[before + error.index[0]], error.index[1:])
        return error.at(self.origin, (before + error.index[0], *error.index[1:]) if self.batched else error.index)


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


@dataclass(frozen=True)
class InputOptions:
    """How the user says the input files are to be read.

    `format`: auto tells the kind by the content. `follow`: lines come one by one, and nothing is read ahead.
    `carry`: pairs `INPUT=OUTPUT` of a state. `pictures`: takes the pictures of the samples, where the answers show them. `rows`: these
    samples only, of files in which one can seek; they are whole batches from the first one on, or reach the last sample.
    """

    table: TableOptions = field(default_factory=TableOptions)
    format: InputFormat = "auto"
    follow: bool = False
    carry: tuple[str, ...] = ()
    pictures: deque[Picture] | None = None
    rows: range | None = None


def input_format_of(word: str) -> InputFormat:
    """Return what `--input-format` says. Raises FerryError(USAGE)."""
    for known in get_args(InputFormat):
        if word == known:
            return known  # type: ignore[no-any-return]
    raise FerryError(ExitCode.USAGE, f"--input-format: got {quoted(word)}, expected auto, raw, jsonl or csv")


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
        state = CarriedState(contract, options.carry)
        opener = _Opener(state.lines, stack, batch, options)
        readers = opener.open(arguments)
        if len({reader.total for reader in readers if reader.total is not None}) > 1:
            raise _other_count()
        yield SampleSource(contract, readers, state)


def _other_count() -> FerryError:
    return FerryError(_BAD, "--input: got inputs of different numbers of samples, expected as many in each; cut the longer ones")


@dataclass(frozen=True)
class _Opener:
    contract: Contract
    stack: contextlib.ExitStack
    batch: int | None
    options: InputOptions

    def open(self, arguments: Sequence[str]) -> list[Reader]:
        """Open the readers of all inputs, in contract order."""
        readers = self._open(arguments)
        if self.options.table.id_column is not None and sum(reader.table is not None for reader in readers) != 1:
            raise FerryError(
                ExitCode.USAGE,
                f"--id: got {quoted(self.options.table.id_column)}, expected one table that has this column; leave --id out",
            )
        if self.options.pictures is not None and not any(reader.has_pictures for reader in readers):
            raise FerryError(
                ExitCode.USAGE,
                f"--output: got .png for samples from {readers[0].origin}, which is no picture, expected PNG, JPEG, BMP, PGM or PPM; write .jsonl",
            )
        return readers

    def _open(self, arguments: Sequence[str]) -> list[Reader]:
        if self.options.format == "raw":
            files = _assign(self.contract, arguments)
            return [self._open_raw(spec, files[spec.name]) for spec in self.contract.inputs]
        lone = _lone_file(self.contract, arguments)
        if self.options.follow:
            return [self._open_lines(lone)]
        stream = None if lone is None else _open_file(lone, self.stack)
        if lone is not None and stream is not None:
            refuse_foreign(_peek(stream), _name_of(lone))
            if is_zip(_peek(stream)):
                return self._open_npz(stream, _name_of(lone))
            if len(self.contract.inputs) > 1 and not _holds_one_input(_peek(stream)):
                return [self._open_rows(self.contract.inputs, stream, _name_of(lone))]
        files = _assign(self.contract, arguments)
        return [
            self._open_input(spec, files[spec.name], stream or _open_one(files[spec.name][0], self.stack))
            for spec in self.contract.inputs
        ]

    def _open_input(self, spec: TensorSpec, paths: list[str], first: BinaryIO) -> Reader:
        is_picture = is_image(_peek(first))
        as_picture = partial(read_image, kept=self.options.pictures)
        read: _ReadSample | None = as_picture if is_picture else read_wav if is_wav(_peek(first)) else None
        if read is not None:
            rows = self.options.rows
            chosen = paths if rows is None else paths[rows.start : rows.stop]
            samples = ({spec.name: sample} for sample in _one_a_file(read, spec, chosen, {paths[0]: first}, self.batch))
            origin = _name_of(paths[0]) + (f" and {len(paths) - 1} more" if paths[1:] else "")
            return Reader(origin, len(chosen), samples, files=list(map(_name_of, chosen)), has_pictures=is_picture)
        _require_one(spec, paths)
        if _is_array(_peek(first)):
            return self._open_npy(spec, first, _name_of(paths[0]))
        return self._open_rows([spec], first, _name_of(paths[0]))

    def _open_raw(self, spec: TensorSpec, paths: list[str]) -> Reader:
        _require_one(spec, paths)
        where = _name_of(paths[0])
        rows = read_raw(_open_file(paths[0], self.stack), spec, self.batch, where=where)
        return Reader(where, None, ({spec.name: row} for row in rows), batched=spec.is_batched)

    def _open_lines(self, lone: str | None) -> Reader:
        if lone is None:
            raise FerryError(
                ExitCode.USAGE,
                "--follow: got inputs by name or several files, expected one stream of lines with all inputs, e.g. --input -",
            )
        return self._open_rows(self.contract.inputs, _open_file(lone, self.stack), _name_of(lone))

    def _open_rows(self, specs: Sequence[TensorSpec], stream: BinaryIO, where: str) -> Reader:
        """Open a table or JSON lines."""
        is_json = self.options.format == "auto" and starts_json(_peek(stream))
        if is_json or self.options.format == "jsonl":
            lines = Lines(stream, where)
            return self._cut(Reader(where, None, read_json_lines(lines, specs, self.batch), skip=lines.pass_over))
        table: Table
        if is_arrow(_peek(stream)) and not self.options.follow:
            table = open_arrow(stream, specs, where=where, options=self.options.table)
        else:
            judged = 1 if self.options.follow else MAX_CSV_SNIFFED_LINES
            table = CsvTable(stream, specs, where=where, options=self.options.table, judged=judged)
        return self._cut(Reader(where, None, table.batches(self.batch), table=table, skip=table.skip))

    def _cut(self, reader: Reader) -> Reader:
        """Return the reader of the samples that are asked for."""
        rows = self.options.rows
        if rows is None or reader.skip is None:
            return reader
        reader.skip(rows.start)
        calls = -(-len(rows) // (self.batch or max(len(rows), 1)))
        return replace(reader, arrays=islice(reader.arrays, calls))

    def _open_npy(self, spec: TensorSpec, stream: BinaryIO, where: str) -> Reader:
        count, rows = read_npy(stream, spec, self.batch, where=where, rows=self.options.rows)
        return Reader(where, count, ({spec.name: row} for row in rows), batched=spec.is_batched)

    def _open_npz(self, stream: BinaryIO, where: str) -> list[Reader]:
        files = read_npz(stream, [spec.name for spec in self.contract.inputs], where=where)
        return [
            replace(self._open_npy(self.contract.input(name), file, f"{where}: {name}.npy"), origin=where)
            for name, file in files.items()
        ]


def _is_array(head: bytes) -> bool:
    return head.startswith(npy.MAGIC)


def _holds_one_input(head: bytes) -> bool:
    return _is_array(head) or is_image(head) or is_wav(head)


def _require_one(spec: TensorSpec, paths: Sequence[str]) -> None:
    if len(paths) > 1:
        raise FerryError(
            ExitCode.USAGE,
            f"--input: got {len(paths)} files for {spec.name}, expected one; only images and WAV files are put together to a batch",
        )


def _lone_file(contract: Contract, arguments: Sequence[str]) -> str | None:
    """Return the only argument, where it has no NAME: it may hold every input."""
    if len(arguments) != 1:
        return None
    name, equals, _ = arguments[0].partition("=")
    names = [spec.name for spec in contract.inputs]
    return None if holds_files(arguments[0]) or (equals and (len(names) > 1 or name in names)) else arguments[0]


def _assign(contract: Contract, arguments: Sequence[str]) -> dict[str, list[str]]:
    names = [spec.name for spec in contract.inputs]
    files: dict[str, list[str]] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or name not in names:
            if len(names) != 1:
                raise FerryError(
                    ExitCode.USAGE,
                    f"--input: got {quoted(argument)}, expected NAME=FILE with NAME one of {', '.join(names)}, or one .npz or table of all alone",
                )
            name, path = names[0], argument
        files.setdefault(name, []).extend(expand(path))
    if sum(path == "-" for paths in files.values() for path in paths) > 1:
        raise FerryError(ExitCode.USAGE, "--input: got - (stdin) more than once, expected it once")
    missing = [name for name in names if name not in files]
    if missing:
        raise FerryError(ExitCode.USAGE, f"--input: got no file for {missing[0]}, expected one for each of {', '.join(names)}")
    return files


def _open_file(path: str, stack: contextlib.ExitStack) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(open(path, "rb"))  # noqa: PTH123 (Path("") would be the working folder)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{_name_of(path)}: got {error.strerror}, expected a readable file; check the path and its permissions"
        ) from None


def _name_of(path: str) -> str:
    """Return what messages call it."""
    return "stdin" if path == "-" else path or "''"


def _open_one(path: str, stack: contextlib.ExitStack) -> BinaryIO:
    """Return a file of one input."""
    stream = _open_file(path, stack)
    refuse_foreign(_peek(stream), _name_of(path))
    if is_zip(_peek(stream)):
        raise FerryError(
            ExitCode.USAGE,
            f"--input: got {path}, an .npz, with a NAME or a second file, expected it alone: it names every input itself; "
            f"write --input {path}",
        )
    return stream


def _peek(stream: BinaryIO) -> bytes:
    return cast(bytes, stream.peek(HEAD_BYTES)[:HEAD_BYTES])  # type: ignore[attr-defined]  # every stream here is a BufferedReader


class _ReadSample(Protocol):
    """Reads a whole file as one sample [1, ...]."""

    def __call__(self, stream: BinaryIO, spec: TensorSpec, *, where: str) -> Array: ...


def _one_a_file(
    read: _ReadSample, spec: TensorSpec, paths: list[str], opened: dict[str, BinaryIO], batch: int | None
) -> Iterator[Array]:
    """Yield batches of files that hold one sample each; the first one fixes the symbols of the shape. Each of `opened` is used once."""
    rows: list[Array] = []
    for index, path in enumerate(paths):
        with contextlib.ExitStack() as stack:
            stream = opened.pop(path, None) or _open_one(path, stack)
            sample = read(stream, spec, where=_name_of(path))
        spec = spec.model_copy(update={"shape": (BATCH, *sample.shape[1:])})
        rows.append(sample)
        if len(rows) == batch or index == len(paths) - 1:
            yield np.concatenate(rows)
            rows = []
