"""Parquet and Arrow IPC through pyarrow, the extra `tables`. C++ refuses both by name."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO, NoReturn

import numpy as np
from typing_extensions import assert_never

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.dtype import family, first_infinite, rounded
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.cells import integer_limits, shown
from torchferry.samples.columns import ColumnError, Elements, TableOptions, fills_rows, find_columns
from torchferry.samples.table import Table

_PARQUET = b"PAR1"
_ARROW_FILE = b"ARROW1\0\0"
_ARROW_STREAM = b"\xff\xff\xff\xff"  # the continuation mark of its first message
_END = b"\xff\xff\xff\xff\0\0\0\0"
_ROWS = 8192  # read at a time


def is_arrow(head: bytes) -> bool:
    """Say whether a file that starts with these bytes is Parquet or Arrow IPC."""
    return head.startswith((_PARQUET, _ARROW_FILE, _ARROW_STREAM))


def open_arrow(
    stream: BinaryIO, specs: Sequence[TensorSpec], *, where: str, options: TableOptions, most: int | None = None
) -> Table:
    """Open a table by its columns' names; `most`: how many rows are read behind those that are passed over.

    Raises FerryError(UNAVAILABLE) without pyarrow, BAD_INPUT for a damaged file or others columns.
    """
    kind = "Parquet" if stream.peek(4)[:4] == _PARQUET else "Arrow IPC"  # type: ignore[attr-defined]  # a BufferedReader
    try:
        import pyarrow as pa
    except ImportError:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"{where}: got {kind} and no pyarrow in this Python, expected it; type: pip install 'torchferry[tables]', or save the table as CSV",
        ) from None
    for spec in specs:
        if not fills_rows(spec):
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"{where}: got {kind}, expected .npy, WAV, PNG, JPEG, BMP, PGM or PPM: a row says no shape, and {spec.name} is {spec.describe()}",
            )
    try:
        names, pieces = _open(stream, kind)
        return _ArrowTable(names, pieces, Elements(specs), where, options, most)
    except (pa.ArrowException, OSError, ValueError) as error:
        _refuse(where, kind, error)


class _RowGroups:
    """The pieces of a Parquet file; a whole row group can be passed over unread."""

    def __init__(self, file: Any) -> None:
        self._file, self._sizes = file, [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self._next = 0

    def __iter__(self) -> Iterator[Any]:
        while self._next < len(self._sizes):
            self._next += 1
            yield from self._file.iter_batches(batch_size=_ROWS, row_groups=[self._next - 1])

    def pass_over(self, count: int | None) -> int:
        """Pass over groups that hold at most `count` rows (None: all of them); return how many rows these have."""
        passed = 0
        while self._next < len(self._sizes) and (count is None or passed + self._sizes[self._next] <= count):
            passed += self._sizes[self._next]
            self._next += 1
        return passed


def _open(stream: BinaryIO, kind: str) -> tuple[list[str], Iterable[Any]]:
    """Return the columns' names and the pieces of the table."""
    import pyarrow as pa
    from pyarrow import ipc, parquet

    if kind == "Parquet":
        file = parquet.ParquetFile(pa.BufferReader(stream.read()) if not stream.seekable() else stream)
        return list(file.schema_arrow.names), _RowGroups(file)
    if stream.peek(8)[:8] != _ARROW_FILE:  # type: ignore[attr-defined]  # a BufferedReader
        tail = _Tail(stream)
        reader = ipc.open_stream(pa.PythonFile(tail, mode="r"))
        return list(reader.schema.names), tail.require_end(iter(reader))
    whole = ipc.open_file(pa.BufferReader(stream.read()) if not stream.seekable() else stream)
    return list(whole.schema.names), (whole.get_batch(index) for index in range(whole.num_record_batches))


class _Tail:
    """A stream that knows the last bytes that were read: a stream of Arrow that is cut between two messages is no whole one."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._last = stream, b""

    def read(self, size: int = -1) -> bytes:
        """Read as the stream does."""
        data = self._stream.read(size)
        self._last = (self._last + data[-len(_END) :])[-len(_END) :]
        return data

    def require_end(self, pieces: Iterator[Any]) -> Iterator[Any]:
        """Yield the pieces. Raises OSError where no mark of the end follows the last one."""
        yield from pieces
        if self._last != _END:
            raise OSError("no mark of the end of the stream")


def _refuse(where: str, kind: str, error: Exception) -> NoReturn:
    words = " ".join(str(error).split())[:200]
    raise FerryError(
        ExitCode.BAD_INPUT, f"{where}: got {kind} that pyarrow cannot read ({words}), expected a whole file; write it again"
    )


class _ArrowTable:
    def __init__(
        self,
        names: list[str],
        pieces: Iterable[Any],
        elements: Elements,
        where: str,
        options: TableOptions,
        most: int | None,
    ) -> None:
        self._most = most
        self.ids: list[str] | None = None if options.id_column is None else []
        self._names, self._elements, self._where = names, elements, where
        self._groups = pieces if isinstance(pieces, _RowGroups) else None
        self._pieces = iter(pieces)
        self._row = 1  # of the next piece
        try:
            self._columns = find_columns(names, [], elements, replace(options, header="yes"))
        except ColumnError as error:
            raise FerryError(ExitCode.BAD_INPUT, f"{where}: {error}") from None

    @property
    def how(self) -> list[str]:
        """Return what was found out about the file."""
        by_place = ["columns taken in their order"] if self._columns.header == "places" else []
        return by_place + ([self._columns.ignored_text] if self._columns.ignored else [])

    def skip(self, count: int | None) -> int:
        """Pass over the next samples, at most `count` (None: all); return how many there were. Raises FerryError(BAD_INPUT)."""
        passed = 0 if self._groups is None else self._groups.pass_over(count)
        with self._whole_file():
            while count is None or passed < count:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                taken = piece.num_rows if count is None else min(piece.num_rows, count - passed)
                passed += taken
                if taken < piece.num_rows:
                    self._pieces = chain([piece.slice(taken)], self._pieces)
        self._row += passed
        return passed

    def batches(self, batch: int | None) -> Iterator[dict[str, Array]]:
        """Yield the inputs of up to `batch` samples, however the file is cut."""
        held: dict[str, Array] = {}
        ids: list[str] = []
        for arrays, names in self._converted():
            held = {name: np.concatenate([held[name], array]) if held else array for name, array in arrays.items()}
            ids += names
            while batch is not None and len(next(iter(held.values()))) >= batch:
                yield self._given({name: array[:batch] for name, array in held.items()}, ids[:batch])
                held, ids = {name: array[batch:] for name, array in held.items()}, ids[batch:]
        if held and len(next(iter(held.values()))):
            yield self._given(held, ids)

    def _given(self, arrays: dict[str, Array], ids: list[str]) -> dict[str, Array]:
        if self.ids is not None:
            self.ids = ids
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def _converted(self) -> Iterator[tuple[dict[str, Array], list[str]]]:
        """Yield each piece of the file in the contract's dtypes, and its identities; a bad value behind the last row harms nobody."""
        left = self._most
        with self._whole_file():
            for whole in self._pieces:
                piece = whole if left is None else whole.slice(0, left)
                yield self._inputs(piece, self._row), self._identities(piece)
                self._row += piece.num_rows
                left = None if left is None else left - piece.num_rows
                if left == 0:
                    return

    @contextlib.contextmanager
    def _whole_file(self) -> Iterator[None]:
        """Turn what pyarrow says of a damaged file into one line. Raises FerryError(BAD_INPUT)."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"{self._where}: got {' '.join(str(error).split())[:200]}, expected a whole file; write it again",
            ) from None

    def _identities(self, piece: Any) -> list[str]:
        return [] if self._columns.id is None else [str(value) for value in piece.column(self._columns.id).to_pylist()]

    def _inputs(self, piece: Any, row: int) -> dict[str, Array]:
        inputs, start = {}, 0
        for spec, sample in zip(self._elements.specs, self._elements.samples, strict=True):
            count = math.prod(sample)
            columns = [self._column(spec, piece, place, row) for place in self._columns.taken[start : start + count]]
            inputs[spec.name] = np.stack(columns, axis=1).reshape(piece.num_rows, *sample)
            start += count
        return inputs

    def _column(self, spec: TensorSpec, piece: Any, place: int, row: int) -> Array:
        column = piece.column(place)
        where = f"{self._where}: column {shown(self._names[place])}"
        if column.null_count:
            first = next(i for i, valid in enumerate(column.is_valid().to_pylist()) if not valid)
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"{where}: row {row + first}: got nothing (a missing value), expected {spec.dtype}; fill it in or leave the row out",
            )
        values = np.asarray(column.to_numpy(zero_copy_only=False))
        if not any(np.issubdtype(values.dtype, kind) for kind in _kinds(spec)):
            raise FerryError(ExitCode.BAD_INPUT, f"{where}: got {column.type}, expected {spec.dtype}; convert the column")
        wrong = _outside(values, spec)
        if wrong.any():
            first = int(np.argmax(wrong))
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"{where}: row {row + first}: got {values[first]}, expected {_expected(spec)}; correct the table",
            )
        with np.errstate(over="ignore"):
            return rounded(values.astype(np.float64), spec.dtype) if spec.is_float else values.astype(spec.dtype)


def _kinds(spec: TensorSpec) -> tuple[type[np.generic], ...]:
    """Return what a column may hold."""
    found = family(spec.dtype)
    match found:
        case "float":
            return np.floating, np.integer
        case "integer":
            return (np.integer,)
        case "bool":
            return np.bool_, np.integer
        case _:
            assert_never(found)


def _outside(values: Array, spec: TensorSpec) -> Array:
    """Return where the contract's dtype cannot hold the values."""
    found = family(spec.dtype)
    match found:
        case "float":
            if spec.allow_nonfinite:
                return np.zeros(len(values), bool)
            return ~(np.abs(values.astype(np.float64)) < first_infinite(spec.dtype))
        case "bool":
            return np.asarray((values != 0) & (values != 1))
        case "integer":
            low, high = integer_limits(spec)
            return np.array([not low <= value <= high for value in values.tolist()], bool)
    assert_never(found)


def _expected(spec: TensorSpec) -> str:
    if family(spec.dtype) == "integer":
        return "an integer from {} to {}".format(*integer_limits(spec))
    return f"a finite {spec.dtype}" if spec.is_float else f"a value of {spec.dtype}"
