"""CSV: one row a sample, the elements in C order; the header is optional (FORMAT.md section 10)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from typing_extensions import assert_never

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.dtype import DTypeName, family
from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_CSV_LINE_BYTES

_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"([+-]?)0*(\d{1,20})", re.ASCII)  # no integer dtype has more digits; int() has a limit of its own
_NO_TEXT = "got bytes that are no text, expected .npy, CSV in UTF-8, PNG, BMP or PGM"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f]")  # all but the tab


def read_csv(stream: BinaryIO, spec: TensorSpec, *, where: str, batch: int | None) -> Iterator[Array]:
    """Yield arrays of up to `batch` samples [n, ...] (None: one array of all) in the spec's dtype. Raises FerryError(BAD_INPUT) with line and column."""
    sample = tuple(dim for dim in spec.shape[1:] if isinstance(dim, int))
    if spec.shape[:1] != ("N",) or len(sample) != len(spec.shape) - 1:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: got CSV, expected .npy, PNG, BMP or PGM: a row says no shape, and {spec.name} is {spec.describe()}",
        )
    columns = math.prod(sample)
    parse = _cell_parser(spec.dtype)
    rows: list[list[float | int]] = []
    for line, cells in _data_rows(stream, where):
        if len(cells) != columns:
            raise _error(where, line, None, f"got {len(cells)} cells, expected {columns} for {spec.name} {spec.describe()}")
        rows.append([_parse_cell(parse, cell, where, line, column) for column, cell in enumerate(cells, 1)])
        if len(rows) == batch:
            yield _array(rows, spec.dtype, sample)
            rows = []
    if rows:
        yield _array(rows, spec.dtype, sample)


def _array(rows: list[list[float | int]], dtype: str, sample: tuple[int, ...]) -> Array:
    with np.errstate(over="ignore"):  # a number beyond the dtype is infinite, which the contract refuses or allows
        return np.array(rows, dtype=dtype).reshape(len(rows), *sample)


def _data_rows(stream: BinaryIO, where: str) -> Iterator[tuple[int, list[str]]]:
    first = True
    for number, raw in enumerate(iter(lambda: stream.readline(MAX_CSV_LINE_BYTES + 1), b""), 1):
        text = _line_text(raw, number, where)
        if not text.strip(" "):
            continue
        cells = [_unquote(cell) for cell in text.split(",")]
        is_header = first and not any(_NUMBER.fullmatch(cell) for cell in cells)
        first = False
        if not is_header:
            yield number, cells


def _line_text(raw: bytes, number: int, where: str) -> str:
    """Return the line without its end and the byte order mark. Without these checks a binary file could pass for a header."""
    if len(raw) > MAX_CSV_LINE_BYTES and not raw.endswith(b"\n"):
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: line: got more than {MAX_CSV_LINE_BYTES} bytes, expected fewer; is this the right file?",
        )
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _error(where, number, None, _NO_TEXT) from None
    if _CONTROL.search(text):
        raise _error(where, number, None, _NO_TEXT)
    return text


def _unquote(cell: str) -> str:
    cell = cell.strip(" ")
    return cell[1:-1] if len(cell) >= 2 and cell[0] == cell[-1] == '"' else cell


def _parse_cell(parse: Callable[[str], float | int], cell: str, where: str, line: int, column: int) -> float | int:
    try:
        return parse(cell)
    except ValueError as problem:
        raise _error(where, line, column, f"got {quoted(cell[:40])}, expected {problem}") from None


def _cell_parser(dtype: DTypeName) -> Callable[[str], float | int]:
    found = family(dtype)
    match found:
        case "float":
            return _parse_float
        case "bool":
            return _parse_bool
        case "integer":
            return _integer_parser(dtype)
    assert_never(found)


def _integer_parser(dtype: DTypeName) -> Callable[[str], int]:
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    def parse(cell: str) -> int:
        match = _INTEGER.fullmatch(cell)
        value = int(match[1] + match[2]) if match else None
        if value is None or not low <= value <= high:
            raise ValueError(f"an integer from {low} to {high}")
        return value

    return parse


def _parse_bool(cell: str) -> int:
    if cell not in ("0", "1"):
        raise ValueError("0 or 1")
    return int(cell)


def _parse_float(cell: str) -> float:
    if not _NUMBER.fullmatch(cell):
        raise ValueError("a number")
    return float(cell)


def _error(where: str, line: int, column: int | None, problem: str) -> FerryError:
    place = f"line {line}" if column is None else f"line {line}, column {column}"
    return FerryError(ExitCode.BAD_INPUT, f"{where}: {place}: {problem}; correct the file")
