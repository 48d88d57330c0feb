"""Tables as other programs write them, and broken ones: each with the rows that a reader must find, where it may read them at all."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from torchferry.bundle.contract import Array

COLUMNS = 3
NAMES = [f"x[{i}]" for i in range(COLUMNS)]


@dataclass(frozen=True)
class TableFile:
    """A file, the options it is read with, and its rows float32 [n,3]; None: it must be refused."""

    data: bytes
    rows: Array | None
    options: Sequence[str] = field(default=())


def numbers(draw: random.Random, *, whole: bool = False) -> Array:
    """Rows of numbers of all sizes, or of whole numbers; at least four of each five are no 0."""
    count = draw.randint(1, 30)
    values = [
        float(draw.randint(-500, 500)) if whole else draw.choice((1.0, -1.0)) * draw.uniform(0.1, 9) * 10.0 ** draw.randint(-6, 6)
        for _ in range(count * COLUMNS)
    ]
    return np.array(values, np.float32).reshape(count, COLUMNS)


def written(rows: Array, mark: str, *, end: str = "\n", form: Callable[[float], str] = repr, before: Sequence[str] = ()) -> str:
    """Rows as lines, with a cell in front of each where `before` has one."""
    cells = [[form(float(value)) for value in row] for row in rows]
    lines = [mark.join([*before[index : index + 1], *row]) for index, row in enumerate(cells)]
    return "".join(line + end for line in lines)


def pandas_like(draw: random.Random) -> TableFile:
    """DataFrame.to_csv, with a header of names, in any order, or of numbers; with and without row numbers."""
    rows, order = numbers(draw, whole=draw.random() < 0.3), draw.sample(range(COLUMNS), COLUMNS)
    kind = draw.choice(("names", "words", "numbers"))
    header = {"names": [NAMES[i] for i in order], "words": ["width", "length", "depth"], "numbers": ["0", "1", "2"]}[kind]
    table = rows[:, order] if kind == "names" else rows
    with_index = draw.random() < 0.4
    before = [str(i) for i in range(len(rows))] if with_index else []
    text = ",".join([""] * with_index + header) + "\n" + written(table, ",", before=before)
    options = [*(["--ignore-columns"] if draw.random() < 0.6 else []), *(["--header", "yes"] if draw.random() < 0.3 else [])]
    refused = with_index and "--ignore-columns" not in options
    if kind == "numbers" and not with_index and "yes" not in options:
        first = written(table[:15], " ").split()  # the lines by which a table is judged, less the first
        refused = not (
            any(cell.lstrip("-").split(".")[1] == "0" for cell in first if "e" not in cell) and all("." in c for c in first)
        )
    return TableFile(text.encode(), None if refused else rows, options)


def excel_like(draw: random.Random) -> TableFile:
    """Semicolons, CRLF, a byte order mark, quotes; where Excel has a comma locale, decimal commas, which are refused."""
    rows, decimal_comma = numbers(draw), draw.random() < 0.3
    form = (lambda value: f"{value:.6f}".replace(".", ",")) if decimal_comma else repr
    text = written(rows, ";", end="\r\n", form=form)
    if draw.random() < 0.7:
        text = ";".join(f'"{name}"' if draw.random() < 0.3 else name for name in ("Breite", "Länge, cm", "Höhe")) + "\r\n" + text
    data = (b"\xef\xbb\xbf" if draw.random() < 0.5 else b"") + text.encode()
    return TableFile(data, None if decimal_comma else rows, ["--delimiter", ";"] if draw.random() < 0.3 else [])


def numpy_like(draw: random.Random) -> TableFile:
    """numpy.savetxt with spaces, tabs or commas, and with its own kind of header."""
    rows, stream = numbers(draw), io.BytesIO()
    header = draw.choice(("", "", "width length depth", " ".join(NAMES)))
    mark = draw.choice((" ", "\t", ",", ";", "  "))
    np.savetxt(stream, rows, delimiter=mark, header=mark.join(header.split()))
    return TableFile(stream.getvalue(), rows)


def edited(draw: random.Random, text: str) -> str:
    """The same cells in another dress: quotes, spaces, blank lines, mixed line ends, no end."""
    lines = []
    for line in text.splitlines():
        cells = [
            f'"{cell}"' if draw.random() < 0.2 else f" {cell}  " if draw.random() < 0.2 else cell for cell in line.split(",")
        ]
        lines.append(",".join(cells) + draw.choice(("\n", "\r\n")) + draw.choice(("", "", "", "\n", "  \n")))
    whole = "".join(lines)
    return whole.rstrip("\r\n ") if draw.random() < 0.3 else whole


def dressed(draw: random.Random) -> TableFile:
    """Commas with everything that is allowed around the cells."""
    rows = numbers(draw)
    text = ",".join(NAMES) + "\n" if draw.random() < 0.5 else ""
    return TableFile(edited(draw, text + written(rows, ",")).encode(), rows)


def with_identity(draw: random.Random) -> TableFile:
    """A column of words among the elements, in any place, asked for or not."""
    rows, place = numbers(draw), draw.randrange(COLUMNS + 1)
    header, cells = list(NAMES), [[repr(float(value)) for value in row] for row in rows]
    header.insert(place, "sample")
    for index, row in enumerate(cells):
        row.insert(place, draw.choice((f"s{index}", f'"a, {index}"', f"é{index}", '"say ""x"""', "")))
    text = "".join(",".join(row) + "\n" for row in (header, *cells))
    options = draw.choice(([], ["--id", "sample"], ["--ignore-columns"], ["--id", "other"]))
    return TableFile(text.encode(), rows if options and options[-1] != "other" else None, options)


FAMILIES = {
    "pandas": pandas_like,
    "excel": excel_like,
    "numpy": numpy_like,
    "dressed": dressed,
    "identity": with_identity,
}


def spoilt(data: bytes, places: int) -> Iterator[tuple[str, bytes]]:
    """The file with a fault of each kind at that many places."""
    for number in range(places):
        at = number * len(data) // places
        yield "cut", data[:at]
        yield "a NUL", data[:at] + b"\0" + data[at:]
        yield "a byte lost", data[:at] + data[at + 1 :]
        yield "a bit flipped", data[:at] + bytes([data[at] ^ (1 << number % 8)]) + data[at + 1 :]
        yield "a quote", data[:at] + b'"' + data[at:]
        yield "a carriage return", data[:at] + b"\r" + data[at:]
        yield "a delimiter", data[:at] + b",;\t "[number % 4 :][:1] + data[at:]
        yield "a word", data[:at] + b"NA" + data[at:]
