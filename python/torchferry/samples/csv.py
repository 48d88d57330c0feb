"""CSV: one row a sample, of one input or of several. The C++ twin is cpp/cli/csv_input.cpp (FORMAT.md section 10)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.dtype import family, rounded
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_CSV_EXTRA_CELLS, MAX_CSV_SNIFFED_BYTES, MAX_CSV_SNIFFED_LINES
from torchferry.samples.arrow_rows import MANY_LINES
from torchferry.samples.cells import Parser, cell_parser, cell_problem, integer_limits, shown
from torchferry.samples.columns import ColumnError, Columns, Elements, TableOptions, fills_rows, find_columns
from torchferry.samples.delimiter import DELIMITERS, OpenQuoteError, QuoteError, count_cells, delimiter_of, sniff, split_cells
from torchferry.samples.lines import Line, Lines, OpenRowError
from torchferry.samples.plain_rows import Float64, plain_rows

_EXCEL_MARK = re.compile('"?[Ss][Ee][Pp]=.?"?', re.DOTALL)
_CORRECT = "; correct the file"


class CsvTable:
    """A table of one or several inputs. Raises FerryError(BAD_INPUT) with line and column, when it is opened or read."""

    def __init__(
        self,
        stream: BinaryIO,
        specs: Sequence[TensorSpec],
        *,
        where: str,
        options: TableOptions,
        judged: int = MAX_CSV_SNIFFED_LINES,
    ) -> None:
        """Read ahead at most `judged` lines, by which the table is judged."""
        for spec in specs:
            if not fills_rows(spec):
                raise FerryError(
                    ExitCode.BAD_INPUT,
                    f"{where}: got CSV, expected .npy, WAV, PNG, JPEG, BMP, PGM or PPM: a row says no shape, and {spec.name} is {spec.describe()}",
                )
        self.ids: list[str] | None = None if options.id_column is None else []
        self._lines = Lines(stream, where)
        self._elements = Elements(specs)
        self._parsers = [cell_parser(spec) for spec, sample in self._parts() for _ in range(math.prod(sample))]
        reader = iter(self._lines)
        first = list(self._first_lines(reader, judged))
        self._refuse_mark(first)
        self._delimiter = self._choose_delimiter(first, options)
        self._first = first[0].number if first else 0
        self._may_be_header = options.header == "auto"
        self._columns = self._choose_columns(first, options)
        taken = self._columns.taken
        self._order = slice(None) if list(taken) == list(range(self._columns.cells)) else taken  # a slice is not copied
        self._begun = first[self._columns.header != "no" :]
        self._rows = chain(self._take_begun(), reader)
        self._last = 0  # the number of the last line that was read
        families = {family(spec.dtype) for spec in specs}
        self._family = families.pop() if len(families) == 1 else "mixed"

    def batches(self, batch: int | None) -> Iterator[dict[str, Array]]:
        """Yield the inputs of up to `batch` samples [n, ...]; None: of all."""
        while arrays := self._plain(batch) or self._read(batch):
            yield arrays

    def skip(self, count: int | None) -> int:
        """Pass over the next samples, at most `count` (None: all), without a look at their cells; return how many there were."""
        begun = len(self._begun) if count is None else min(count, len(self._begun))
        del self._begun[:begun]
        return begun + self._lines.pass_over(None if count is None else count - begun)

    @property
    def how(self) -> list[str]:
        """Return what was found out about the file, for the user."""
        found = []
        if self._delimiter != "," and self._columns.cells > 1:
            found.append(f"cells between {DELIMITERS[self._delimiter]}")
        if self._columns.header == "names":
            found.append(f"line {self._first} names the columns")
        if self._columns.header == "places":
            found.append(f"line {self._first} is a header, columns taken in their order")
        if self._columns.ignored:
            found.append(self._columns.ignored_text)
        if self._lines.last_is_open:
            found.append(f"line {self._last} has no line end: is the file whole?")
        return found

    def _parts(self) -> Iterator[tuple[TensorSpec, tuple[int, ...]]]:
        return zip(self._elements.specs, self._elements.samples, strict=True)

    def _first_lines(self, lines: Iterator[Line], judged: int) -> Iterator[Line]:
        """Yield the lines by which a table is judged."""
        taken = 0
        for count, line in enumerate(lines, 1):
            self._require_few_cells(line)
            yield line
            taken += len(line.text.encode())
            if count == judged or taken >= MAX_CSV_SNIFFED_BYTES:
                return

    def _require_few_cells(self, line: Line) -> None:
        """Refuse a line that takes minutes and memory to cut, and then is no sample."""
        most = self._elements.count + MAX_CSV_EXTRA_CELLS
        if len(line.text) >= most and count_cells(line.text) > most:
            self._lines.refuse(line.number, f"got more than {most} cells, expected fewer; is this the right file?")

    def _refuse_mark(self, first: Sequence[Line]) -> None:
        if first and _EXCEL_MARK.fullmatch(first[0].text):
            self._lines.refuse(
                first[0].number,
                f"got {shown(first[0].text)} (it tells Excel the delimiter), expected a header or numbers; take the line out",
            )

    def _choose_delimiter(self, first: Sequence[Line], options: TableOptions) -> str:
        if options.delimiter is not None:
            return delimiter_of(options.delimiter)
        texts = [_header_text(line.text) if index == 0 else line.text for index, line in enumerate(first)]
        return sniff(texts, lambda name: self._elements.place_of(name) is not None, self._elements.count)

    def _choose_columns(self, first: Sequence[Line], options: TableOptions) -> Columns:
        if not first:
            return Columns(self._elements.count, range(self._elements.count))
        following = []
        for line in first[1:]:
            try:
                following.append(split_cells(line.text, self._delimiter))
            except QuoteError:
                following.append([])
        try:
            header = replace(first[0], text=_header_text(first[0].text))
            return find_columns(self._split(header), following, self._elements, options)
        except ColumnError as error:
            self._lines.refuse(first[0].number, str(error))

    def _take_begun(self) -> Iterator[Line]:
        """Yield the rows that were read to judge the table."""
        while self._begun:
            yield self._begun.pop(0)

    def _plain(self, batch: int | None) -> dict[str, Array] | None:
        """Return the next samples where all are plain numbers; None: they have to be read cell by cell, and have not been taken."""
        if batch is None or self.ids is not None or self._begun:
            return None
        text = self._lines.peek(batch)
        is_long = self._lines.number > MANY_LINES
        numbers = plain_rows(text, self._delimiter, self._columns.cells, self._family, use_arrow=is_long)
        if numbers is None:
            return None
        taken = numbers[:, self._order]
        arrays = self._arrays(len(numbers), lambda start, end: taken[:, start:end])
        if not self._are_kept(taken, arrays):
            return None
        self._lines.skip(text, len(numbers))
        self._last = self._lines.number
        return arrays

    def _are_kept(self, numbers: Float64, arrays: Mapping[str, Array]) -> bool:
        """Say whether all numbers are in range and none became another one in its dtype: infinite, where that is wrong, or wrapped."""
        if self._family == "integer":
            kept = np.array_equal(numbers, np.concatenate([part.reshape(len(numbers), -1) for part in arrays.values()], axis=1))
            return kept and all(_are_within(arrays[spec.name], *integer_limits(spec)) for spec in self._elements.specs)
        return all(spec.allow_nonfinite or bool(np.isfinite(arrays[spec.name]).all()) for spec in self._elements.specs)

    def _read(self, batch: int | None) -> dict[str, Array]:
        """Return the next samples, read cell by cell; nothing at the end."""
        self.ids = None if self.ids is None else []
        rows = [self._row(line) for line in islice(self._rows, batch)]
        return self._arrays(len(rows), lambda start, end: [row[start:end] for row in rows]) if rows else {}

    def _row(self, line: Line) -> list[float | int]:
        self._require_few_cells(line)
        cells = self._split(line)
        self._require_fit(line, cells)
        self._last = line.number
        if self.ids is not None and self._columns.id is not None:
            self.ids.append(cells[self._columns.id])
        return [self._parse(line, cells, column, parse) for column, parse in zip(self._columns.taken, self._parsers, strict=True)]

    def _split(self, line: Line) -> list[str]:
        try:
            return split_cells(line.text, self._delimiter)
        except QuoteError as error:
            kind = OpenRowError if isinstance(error, OpenQuoteError) else FerryError
            self._lines.refuse(line.number, str(error), column=error.column, kind=kind)

    def _require_fit(self, line: Line, cells: Sequence[str]) -> None:
        if line.blank and self._columns.cells == 1:
            self._lines.refuse(line.blank, "got a blank line between rows, expected a number; fill it in or leave it out")
        if len(cells) == self._columns.cells:
            return
        advice = "correct the file"
        are_whole = all(not cell.strip("+-0123456789 ") for cell in cells)
        if self._delimiter == "," and len(cells) == 2 * self._columns.cells and are_whole:
            advice = "write decimal points if these are decimal commas"
        self._lines.refuse(line.number, f"got {len(cells)} cells, expected {self._expected()}; {advice}")

    def _expected(self) -> str:
        for_what = ", ".join(f"{spec.name} {spec.describe()}" for spec in self._elements.specs)
        others = self._columns.cells - len(self._columns.taken)
        return f"{self._columns.cells} for {for_what}" + (f" and {others} other{'s' if others > 1 else ''}" if others else "")

    def _parse(self, line: Line, cells: Sequence[str], column: int, parse: Parser) -> float | int:
        try:
            return parse(cells[column])
        except ValueError as problem:
            self._refuse_cell(line, cells[column], column, str(problem))

    def _refuse_cell(self, line: Line, cell: str, column: int, expected: str) -> NoReturn:
        problem = cell_problem(cell, expected)
        if line.number == self._first and self._may_be_header and problem.endswith(_CORRECT):
            problem += ", or add --header yes if this line names the columns"
        self._lines.refuse(line.number, problem, column=column + 1)

    def _arrays(self, count: int, columns: Callable[[int, int], ArrayLike]) -> dict[str, Array]:
        """Return the inputs of `count` samples; `columns` gives their numbers [count, end - start]."""
        arrays, start = {}, 0
        for spec, sample in self._parts():
            end = start + math.prod(sample)
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # a number beyond the dtype is infinite, which this contract allows or is refused
                numbers = columns(start, end)
                found = rounded(np.array(numbers, np.float64), spec.dtype) if spec.is_float else np.array(numbers, spec.dtype)
                arrays[spec.name] = found.reshape(count, *sample)
            start = end
        return arrays


def _are_within(array: Array, low: int, high: int) -> bool:
    return array.size == 0 or (low <= int(array.min()) and int(array.max()) <= high)


def _header_text(text: str) -> str:
    """Return the first line as a header: numpy.savetxt writes `# ` in front of one."""
    return text.lstrip("#").lstrip(" ") if text.startswith("#") else text
