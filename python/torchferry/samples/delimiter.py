"""Where a line of a table is cut into cells, told or sniffed (FORMAT.md section 10). The C++ twin is cpp/cli/csv_delimiter.cpp."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError

# In the order in which they are tried. A space stands for a run of spaces and tabs.
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "spaces"}
_WORDS = {",": ",", ";": ";", "tab": "\t", "\t": "\t", "space": " ", " ": " "}
_RUN = re.compile(r"[ \t]+")
_QUOTED = re.compile(r'"(?P<inside>(?:[^"]|"")*)"(?!")(?=(?P<spaces> *))')


class QuoteError(ValueError):
    """A quote that RFC 4180 does not have, in the column `column`."""

    def __init__(self, column: int, problem: str) -> None:
        super().__init__(problem)
        self.column = column


class OpenQuoteError(QuoteError):
    """A quote that the line does not close: the row may go on in the next lines, and nobody knows where it ends."""


def delimiter_of(word: str) -> str:
    """Return the delimiter that `--delimiter` names. Raises FerryError(USAGE)."""
    if word not in _WORDS:
        raise FerryError(ExitCode.USAGE, f"--delimiter: got {quoted(word)}, expected one of , ; tab space")
    return _WORDS[word]


def split_cells(text: str, delimiter: str) -> list[str]:
    """Return the cells without the spaces around them and without their quotes. Raises QuoteError."""
    if delimiter == " ":
        text = text.strip(" \t")
    if '"' in text:
        return _split_quoted(text, delimiter)
    return _RUN.split(text) if delimiter == " " else [cell.strip(" ") for cell in text.split(delimiter)]


def _split_quoted(text: str, delimiter: str) -> list[str]:
    cells: list[str] = []
    cut = _RUN if delimiter == " " else re.compile(re.escape(delimiter))
    start: int | None = 0
    while start is not None:
        cell, end = _next_cell(text, start, cut, len(cells) + 1)
        cells.append(cell)
        found = cut.match(text, end)
        start = found.end() if found else None
    return cells


def _next_cell(text: str, start: int, cut: re.Pattern[str], column: int) -> tuple[str, int]:
    """Return the cell that starts here, and where its delimiter or the end of the line is. Raises QuoteError."""
    inner = start + len(text[start:]) - len(text[start:].lstrip(" "))
    if not text.startswith('"', inner):
        found = cut.search(text, start)
        end = found.start() if found else len(text)
        return text[start:end].strip(" "), end
    body = _QUOTED.match(text, inner)
    if body is None:
        raise OpenQuoteError(column, "got a quote that the line does not close, expected a whole cell; correct the file")
    end = body.end() if cut is _RUN else body.end() + len(body["spaces"])
    if end < len(text) and not cut.match(text, end):
        raise QuoteError(column, "got text after the closing quote, expected the end of the cell; correct the file")
    return body["inside"].replace('""', '"'), end


def count_cells(text: str) -> int:
    """Return how many cells a line has at most, whatever its delimiter is."""
    data = np.frombuffer(text.encode(), np.uint8)
    spaces = (data == ord(" ")) | (data == ord("\t"))
    runs = int(np.count_nonzero(spaces[1:] & ~spaces[:-1]))
    return 1 + max(runs, *(text.count(delimiter) for delimiter in DELIMITERS if delimiter != " "))


def sniff(lines: Sequence[str], is_name: Callable[[str], bool], columns: int) -> str:
    """Return what cuts the first lines of a table: into its columns' names, into the wanted number of cells, or into as many each."""
    tables = {delimiter: [_cells_or_none(line, delimiter) for line in lines] for delimiter in DELIMITERS}
    for delimiter, rows in tables.items():
        if rows and rows[0] is not None and any(map(is_name, rows[0])) and (len(rows[0]) > 1 or columns == 1):
            return delimiter
    counts = {delimiter: [0 if row is None else len(row) for row in rows] for delimiter, rows in tables.items()}
    for delimiter, found in counts.items():
        if set(found) == {columns}:
            return delimiter
    for delimiter, found in counts.items():
        if len(set(found)) == 1 and found[0] > 1:
            return delimiter
    return next((delimiter for delimiter, found in counts.items() if found and found[0] > 1), ",")


def _cells_or_none(line: str, delimiter: str) -> list[str] | None:
    try:
        return split_cells(line, delimiter)
    except QuoteError:
        return None
