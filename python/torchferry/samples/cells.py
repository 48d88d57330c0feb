"""One cell of a table as one element of a tensor (FORMAT.md section 10). The C++ twin is cpp/cli/csv_cell.cpp."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
from typing_extensions import assert_never

from torchferry.bundle.contract import TensorSpec
from torchferry.bundle.dtype import DTypeName, family, first_infinite
from torchferry.bundle.printable import quoted

SHOWN_CHARACTERS = 40  # of a cell or a name, in a message
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_POINTED = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+\.0*", re.ASCII)
_INTEGER = re.compile(r"([+-]?)0*(\d{1,20})", re.ASCII)  # no integer dtype has more digits; int() has a limit of its own
_WITH_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9.,]*(?:[eE][+-]?[0-9]+)?")
_MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "missing", "-", "?", "."})
_ANSWERS = frozenset({"true", "false", "yes", "no", "on", "off"})

Parser = Callable[[str], float | int]


def is_number(cell: str) -> bool:
    """Say whether the cell follows the grammar of numbers, `nan` and `inf` included."""
    return _NUMBER.fullmatch(cell) is not None


def is_missing(cell: str) -> bool:
    """Say whether the cell is empty or a word that programs write for a value that is not there."""
    return cell.lower() in _MISSING if cell.isascii() else False


def is_answer(cell: str) -> bool:
    """Say whether the cell is a word that programs write for true or false."""
    return cell.lower() in _ANSWERS if cell.isascii() else False


def has_point(cell: str) -> bool:
    """Say whether the cell is a number that is written with a decimal point."""
    return _POINTED.fullmatch(cell) is not None


def is_pointed_whole(cell: str) -> bool:
    """Say whether the cell is a whole number that is written with a decimal point: `5.0`."""
    return _WHOLE.fullmatch(cell) is not None


def shown(text: str) -> str:
    """Return a cell or a name for a message: in quotes, cut where it is long."""
    return quoted(text[:SHOWN_CHARACTERS])


def cell_problem(cell: str, expected: str) -> str:
    """Return what is wrong with a cell that its parser refused, and what to do."""
    if is_missing(cell):
        return f"got {shown(cell)} (a missing value), expected {expected}; fill it in or leave the row out"
    if _WITH_COMMA.fullmatch(cell):
        return f"got {shown(cell)} (a comma in a number), expected {expected}; write decimal points, and no marks of thousands"
    return f"got {shown(cell)}, expected {expected}; correct the file"


def cell_parser(spec: TensorSpec) -> Parser:
    """Return what parses a cell of this input. It raises ValueError that says what was expected."""
    found = family(spec.dtype)
    match found:
        case "float":
            return _parse_float if spec.allow_nonfinite else _finite_parser(spec.dtype)
        case "bool":
            return _parse_bool
        case "integer":
            return _integer_parser(spec)
    assert_never(found)


def integer_limits(spec: TensorSpec) -> tuple[int, int]:
    """Return the smallest and the largest integer of an input: those of its dtype and, where it may be an index, of its range."""
    low, high = int(np.iinfo(spec.dtype).min), int(np.iinfo(spec.dtype).max)
    if spec.range is None or spec.dtype not in ("int32", "int64"):
        return low, high
    first, last = math.ceil(spec.range[0]), math.floor(spec.range[1])
    return min(max(first, low), high), max(min(last, high), low)


def _integer_parser(spec: TensorSpec) -> Parser:
    low, high = integer_limits(spec)

    def parse(cell: str) -> int:
        match = _INTEGER.fullmatch(cell)
        value = int(match[1] + match[2]) if match else None
        if value is None or not low <= value <= high:
            raise ValueError(f"an integer from {low} to {high}")
        return value

    return parse


def _parse_bool(cell: str) -> int:
    text = cell.lower() if cell.isascii() else cell
    if text not in ("0", "1", "false", "true"):
        raise ValueError("0, 1, false or true")
    return int(text in ("1", "true"))


def _finite_parser(dtype: DTypeName) -> Parser:
    infinite = first_infinite(dtype)

    def parse(cell: str) -> float:
        value = _parse_float(cell)
        if not abs(value) < infinite:
            raise ValueError(f"a finite {dtype}")
        return value

    return parse


def _parse_float(cell: str) -> float:
    if not _NUMBER.fullmatch(cell):
        raise ValueError("a number")
    return float(cell)
