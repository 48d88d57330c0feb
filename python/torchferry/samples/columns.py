"""Which columns of a table are the elements of the inputs, and whether its first line names them (FORMAT.md section 10).

The C++ twin is cpp/cli/csv_columns.cpp.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torchferry.bundle.contract import TensorSpec
from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.cells import has_point, is_answer, is_missing, is_number, is_pointed_whole, shown

Header = Literal["auto", "yes", "no"]
_INDEX_NAMES = ("", "Unnamed: 0")  # of the column of row numbers, as pandas writes it
# How a word begins that may name a column: letters of Latin, Greek, Cyrillic, Hebrew, Arabic, Japanese, Chinese and Korean. Signs of
# currencies and digits of other scripts begin values. Compiled by the first table, which takes 4 ms.
_NAME = (
    "[A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0386\u0388-\u0481\u048a-\u052f\u05d0-\u05ea\u0620-\u064a"
    "\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]"
)
_COUNT = re.compile(r"0|[1-9][0-9]{0,8}")  # how a program writes the number of a column
_ELEMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\[(?:0|[1-9][0-9]{0,17})\])*)")
_NUMBERED = re.compile(r"(|.*[^0-9])([0-9]{1,9})([^0-9]*)", re.DOTALL)  # a name with a number in it
_SHOWN = 3  # names in a message


@dataclass(frozen=True)
class TableOptions:
    """How the user says a table is to be read. `delimiter`: None: sniffed. `id_column`: carried to the answers."""

    delimiter: str | None = None
    header: Header = "auto"
    ignore_columns: bool = False
    id_column: str | None = None


def header_of(word: str) -> Header:
    """Return what `--header` says. Raises FerryError(USAGE)."""
    for known in get_args(Header):
        if word == known:
            return known  # type: ignore[no-any-return]
    raise FerryError(ExitCode.USAGE, f"--header: got {quoted(word)}, expected auto, yes or no")


class ColumnError(ValueError):
    """A first line that does not say which column is which."""


class Elements:
    """The elements of one sample of some inputs, in contract order and C order: how many there are, and their names."""

    def __init__(self, specs: Sequence[TensorSpec]) -> None:
        self.specs = specs
        self.samples = [sample_shape(spec) for spec in specs]
        self.counts = [math.prod(sample) for sample in self.samples]
        self.count = sum(self.counts)

    def place_of(self, name: str) -> int | None:
        """Return the place of the element of that name: `x[1][2]`, or `x` where x has one element a sample."""
        match = _ELEMENT.fullmatch(name)
        start = 0
        for spec, sample, count in zip(self.specs, self.samples, self.counts, strict=True):
            if match and match[1] == spec.name:
                index = [int(digits) for digits in match[2][1:-1].split("][")] if match[2] else []
                return start if count == 1 and not index else _place(index, sample, start)
            start += count
        return None

    def name_of(self, place: int) -> str:
        """Return the name of one element."""
        for spec, sample, count in zip(self.specs, self.samples, self.counts, strict=True):
            if place < count:
                return spec.name + ("" if count == 1 else "".join(f"[{i}]" for i in _index(place, sample)))
            place -= count
        raise IndexError(place)

    @property
    def described(self) -> str:
        """Return the names of all elements, for messages: `x[0] to x[3], y`."""
        parts, start = [], 0
        for count in self.counts:
            parts.append(" to ".join(self.name_of(place) for place in sorted({start, start + count - 1}) if count))
            start += count
        return ", ".join(part for part in parts if part)


def _place(index: Sequence[int], sample: Sequence[int], start: int) -> int | None:
    if len(index) != len(sample) or any(i >= size for i, size in zip(index, sample, strict=True)):
        return None
    place = 0
    for i, size in zip(index, sample, strict=True):
        place = place * size + i
    return start + place


def _index(place: int, sample: Sequence[int]) -> list[int]:
    index: list[int] = []
    for size in reversed(sample):
        place, i = divmod(place, size)
        index.insert(0, i)
    return index


def sample_shape(spec: TensorSpec) -> tuple[int, ...]:
    """Return the numbers that follow the batch in the shape."""
    return tuple(dim for dim in spec.shape[1:] if isinstance(dim, int))


def fills_rows(spec: TensorSpec) -> bool:
    """Say whether a row of cells can be a sample: the shape is the batch and numbers."""
    return spec.is_batched and len(sample_shape(spec)) == len(spec.shape) - 1


@dataclass(frozen=True)
class Columns:
    """What each row has: `cells` in all, the elements at `taken`, the identity at `id`."""

    cells: int
    taken: Sequence[int]
    id: int | None = None
    header: Literal["no", "names", "places"] = "no"

    @property
    def ignored(self) -> int:
        """Return how many columns are read and not used."""
        return self.cells - len(self.taken) - (self.id is not None)

    @property
    def ignored_text(self) -> str:
        """Return that for the user."""
        return f"{self.ignored} column{'' if self.ignored == 1 else 's'} ignored"


def find_columns(names: Sequence[str], following: Sequence[Sequence[str]], elements: Elements, options: TableOptions) -> Columns:
    """Decide by the first line's cells `names` and the rows that follow it. Raises ColumnError."""
    if options.header == "no":
        return Columns(elements.count, range(elements.count))
    sure = options.header == "yes" or (options.id_column is not None and options.id_column in names)
    if any(elements.place_of(name) is not None and (sure or not _is_value(name)) for name in names):
        return _by_name(names, elements, options)
    index = len(names) > 1 and names[0] in _INDEX_NAMES
    others = [i for i, name in enumerate(names) if name != options.id_column and (i > 0 or not index)]
    if sure or _is_header([names[i] for i in others], following, others, elements, index=index):
        return _by_place(names, others, elements, options)
    if options.id_column is not None:
        raise ColumnError(f"got no column {shown(options.id_column)}, expected the one of --id; {_way_out(elements)}")
    if len(elements.specs) > 1:
        raise ColumnError(f"got no names of columns, expected {elements.described}; {_way_out(elements)}")
    return Columns(elements.count, range(elements.count))


def _is_value(cell: str) -> bool:
    return is_number(cell) or is_missing(cell)


def _way_out(elements: Elements) -> str:
    by_order = ", or add --header no where the columns have the contract's order" if len(elements.specs) > 1 else ""
    return f"name the columns in the first line{by_order}"


def _by_name(names: Sequence[str], elements: Elements, options: TableOptions) -> Columns:
    taken: dict[int, int] = {}
    extra = []
    for column, name in enumerate(names):
        place = elements.place_of(name)
        if place is None or name == options.id_column:
            extra.append(column)
        elif place in taken:
            raise ColumnError(f"got the column {shown(name)} twice, expected it once; take one out")
        else:
            taken[place] = column
    missing = [elements.name_of(place) for place in range(elements.count) if place not in taken]
    if missing:
        raise ColumnError(f"got no column {_listed(missing)}, expected {elements.described}; add what is missing")
    order = [taken[place] for place in range(elements.count)]
    return _with_id(names, extra, order, "names", elements, options)


def _by_place(names: Sequence[str], others: Sequence[int], elements: Elements, options: TableOptions) -> Columns:
    if len(others) != elements.count:
        raise ColumnError(
            f"got {len(others)} columns that the contract does not name, expected {elements.described}; name them so in the first line"
        )
    if len(elements.specs) > 1:
        raise ColumnError(f"got none of the columns {elements.described}, expected all of them; name them so in the first line")
    _require_ascending([names[column] for column in others], elements)
    extra = [column for column in range(len(names)) if column not in set(others)]
    return _with_id(names, extra, others, "places", elements, options)


def _require_ascending(names: Sequence[str], elements: Elements) -> None:
    """Refuse names that differ by a number only and are not in its order, as x1,x0: their place is not what they say."""
    found = [_NUMBERED.fullmatch(name) for name in names]
    parts = [(match[1], match[3], int(match[2])) for match in found if match]
    if len(parts) != len(names) or len({part[:2] for part in parts}) > 1:
        return
    numbers = [number for *_, number in parts]
    if numbers != sorted(set(numbers)):
        raise ColumnError(
            f"got the columns {_listed(list(map(shown, names)))} in another order than their numbers, expected {elements.described}; "
            "name them so in the first line"
        )


def _with_id(
    names: Sequence[str],
    extra: Sequence[int],
    taken: Sequence[int],
    header: Literal["names", "places"],
    elements: Elements,
    options: TableOptions,
) -> Columns:
    """Tell the identity from the columns that nobody asked for."""
    ids = [column for column in extra if names[column] == options.id_column]
    unknown = [names[column] for column in extra if column not in ids]
    if len(ids) > 1:
        raise ColumnError(f"got the column {shown(names[ids[0]])} twice, expected it once; take one out")
    if options.id_column is not None and not ids:
        raise ColumnError(f"got no column {shown(options.id_column)}, expected the one of --id; name it in the first line")
    if unknown and not options.ignore_columns:
        got = ", ".join(map(_shown_column, unknown[:_SHOWN])) + (f" and {len(unknown) - _SHOWN} more" if unknown[_SHOWN:] else "")
        plural = "s" if unknown[1:] else ""
        raise ColumnError(
            f"got the extra column{plural} {got}, expected {elements.described}; take out what is extra, or add --ignore-columns"
        )
    return Columns(len(names), taken, ids[0] if ids else None, header)


def _shown_column(name: str) -> str:
    return "'' (the row numbers of pandas; index=False leaves them out)" if name == "" else shown(name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if names[_SHOWN:] else "")


def _is_header(
    names: Sequence[str], following: Sequence[Sequence[str]], columns: Sequence[int], elements: Elements, *, index: bool
) -> bool:
    """Say whether a line that no option calls a header, and that names nothing of the contract, is one. Raises ColumnError."""
    if len(names) != elements.count or len(set(names)) != len(names) or len(elements.specs) > 1:
        return False
    if all(_COUNT.fullmatch(name) for name in names):
        return _numbers_columns(names, following, columns, index=index)
    are_words = all(_is_word(name) for name in names)
    return are_words and (index or len(names) > 1)  # one word alone may be a broken sample


def _is_word(cell: str) -> bool:
    return re.match(_NAME, cell) is not None and not _is_value(cell) and not is_answer(cell)


def _numbers_columns(names: Sequence[str], following: Sequence[Sequence[str]], columns: Sequence[int], *, index: bool) -> bool:
    """Say whether whole numbers that are all different count the columns; else they are a sample. Raises ColumnError."""
    counted = [str(number) for number in range(len(names))]
    pointed = [row[column] for row in following for column in columns if column < len(row) and has_point(row[column])]
    written = bool(following) and len(pointed) == len(following) * len(columns)
    sure = written and any(map(is_pointed_whole, pointed))  # who writes 5.0 does not write 0,1,2 for a sample
    if index or (sure and list(names) == counted):
        return True
    if set(names) == set(counted) or (written and len(names) > 1):
        raise ColumnError(
            f"got {_numbers(names)}, which is a sample or a header that counts the columns, expected to be told; "
            "add --header yes or --header no"
        )
    return False


def _numbers(names: Sequence[str]) -> str:
    return ",".join(names if len(names) <= 4 else [*names[:3], "...", names[-1]])
