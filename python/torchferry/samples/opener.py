"""Opens files of `predict` by what they hold: each kind is told by its content."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import BinaryIO, Protocol

import numpy as np

from torchferry.bundle import npy
from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.printable import quoted
from torchferry.bundle.stored_zip import is_zip
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_CSV_SNIFFED_LINES
from torchferry.samples.arguments import assign, lone_file, name_of, open_file, open_one, peek, require_one
from torchferry.samples.arrow import is_arrow, open_arrow
from torchferry.samples.csv import CsvTable
from torchferry.samples.foreign import refuse_foreign
from torchferry.samples.image import is_image, read_image
from torchferry.samples.json_lines import read_json_lines, starts_json
from torchferry.samples.lines import Lines
from torchferry.samples.npy_rows import read_npy
from torchferry.samples.npz import read_npz
from torchferry.samples.options import InputOptions
from torchferry.samples.raw import read_raw
from torchferry.samples.reader import Reader
from torchferry.samples.table import Table
from torchferry.samples.wav import is_wav, read_wav


@dataclass(frozen=True)
class Opener:
    """Opens files of the inputs of `contract`, on `stack`, as readers of `batch` samples at a time (None: all that there are)."""

    contract: Contract
    stack: contextlib.ExitStack
    batch: int | None
    options: InputOptions

    def open(self, arguments: Sequence[str]) -> list[Reader]:
        """Open the readers of all inputs, in contract order. Raises FerryError(USAGE, IO or BAD_INPUT)."""
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
            files = assign(self.contract, arguments)
            return [self._open_raw(spec, files[spec.name]) for spec in self.contract.inputs]
        lone = lone_file(self.contract, arguments)
        if self.options.follow:
            return [self._open_lines(lone)]
        stream = None if lone is None else self._open_file(lone)
        if lone is not None and stream is not None:
            refuse_foreign(peek(stream), name_of(lone))
            if is_zip(peek(stream)):
                return self._open_npz(stream, name_of(lone))
            if len(self.contract.inputs) > 1 and not _holds_one_input(peek(stream)):
                return [self._open_rows(self.contract.inputs, stream, name_of(lone))]
        files = assign(self.contract, arguments)
        return [
            self._open_input(spec, files[spec.name], stream or self._open_one(files[spec.name][0], self.stack))
            for spec in self.contract.inputs
        ]

    def _open_input(self, spec: TensorSpec, paths: list[str], first: BinaryIO) -> Reader:
        is_picture = is_image(peek(first))
        as_picture = partial(read_image, kept=self.options.pictures)
        read: _ReadSample | None = as_picture if is_picture else read_wav if is_wav(peek(first)) else None
        if read is not None:
            rows = self.options.rows
            chosen = paths if rows is None else paths[rows.start : rows.stop]
            samples = (
                {spec.name: sample} for sample in _one_a_file(read, spec, chosen, self._open_once({paths[0]: first}), self.batch)
            )
            origin = name_of(paths[0]) + (f" and {len(paths) - 1} more" if paths[1:] else "")
            return Reader(origin, len(chosen), samples, files=list(map(name_of, chosen)), has_pictures=is_picture)
        require_one(spec, paths)
        if _is_array(peek(first)):
            return self._open_npy(spec, first, name_of(paths[0]))
        return self._open_rows([spec], first, name_of(paths[0]))

    def _open_raw(self, spec: TensorSpec, paths: list[str]) -> Reader:
        require_one(spec, paths)
        where = name_of(paths[0])
        rows = read_raw(self._open_file(paths[0]), spec, self.batch, where=where)
        return Reader(where, None, ({spec.name: row} for row in rows), batched=spec.is_batched)

    def _open_lines(self, lone: str | None) -> Reader:
        if lone is None:
            raise FerryError(
                ExitCode.USAGE,
                "--follow: got inputs by name or several files, expected one stream of lines with all inputs, e.g. --input -",
            )
        return self._open_rows(self.contract.inputs, self._open_file(lone), name_of(lone))

    def _open_rows(self, specs: Sequence[TensorSpec], stream: BinaryIO, where: str) -> Reader:
        """Open a table or JSON lines."""
        is_json = self.options.format == "auto" and starts_json(peek(stream))
        if is_json or self.options.format == "jsonl":
            lines = Lines(stream, where)
            return self._cut(Reader(where, None, read_json_lines(lines, specs, self.batch), skip=lines.pass_over))
        table: Table
        if is_arrow(peek(stream)) and not self.options.follow:
            most = None if self.options.rows is None else len(self.options.rows)
            table = open_arrow(stream, specs, where=where, options=self.options.table, most=most)
        else:
            judged = 1 if self.options.follow else MAX_CSV_SNIFFED_LINES
            table = CsvTable(stream, specs, where=where, options=self.options.table, judged=judged)
        return self._cut(Reader(where, None, table.batches(self.batch), table=table, skip=table.skip))

    def _open_file(self, path: str) -> BinaryIO:
        return open_file(path, self.stack, objects=self.options.objects)

    def _open_one(self, path: str, stack: contextlib.ExitStack) -> BinaryIO:
        return open_one(path, stack, objects=self.options.objects)

    def _open_once(self, opened: dict[str, BinaryIO]) -> _OpenOne:
        """Return what opens a file; each of `opened` is used once."""
        return lambda path, stack: opened.pop(path, None) or self._open_one(path, stack)

    def _cut(self, reader: Reader) -> Reader:
        """Return the reader of the samples that are asked for."""
        rows = self.options.rows
        if rows is None or reader.skip is None:
            return reader
        reader.skip(rows.start)
        calls = -(-len(rows) // (self.batch or max(len(rows), 1)))
        return replace(reader, arrays=islice(reader.arrays, calls), first=rows.start)

    def _open_npy(self, spec: TensorSpec, stream: BinaryIO, where: str) -> Reader:
        first = self.options.rows.start if self.options.rows is not None and spec.is_batched else 0
        count, rows = read_npy(stream, spec, self.batch, where=where, rows=self.options.rows)
        return Reader(where, count, ({spec.name: row} for row in rows), batched=spec.is_batched, first=first)

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


_OpenOne = Callable[[str, contextlib.ExitStack], BinaryIO]


class _ReadSample(Protocol):
    """Reads a whole file as one sample [1, ...]."""

    def __call__(self, stream: BinaryIO, spec: TensorSpec, *, where: str) -> Array: ...


def _one_a_file(read: _ReadSample, spec: TensorSpec, paths: list[str], open_path: _OpenOne, batch: int | None) -> Iterator[Array]:
    """Yield batches of files that hold one sample each; the first one fixes the symbols of the shape."""
    rows: list[Array] = []
    for index, path in enumerate(paths):
        with contextlib.ExitStack() as stack:
            sample = read(open_path(path, stack), spec, where=name_of(path))
        spec = spec.model_copy(update={"shape": (BATCH, *sample.shape[1:])})
        rows.append(sample)
        if len(rows) == batch or index == len(paths) - 1:
            yield np.concatenate(rows)
            rows = []
