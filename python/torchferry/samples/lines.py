"""The lines of a table as text (FORMAT.md section 10). The C++ twin is cpp/cli/csv_lines.cpp."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO, NoReturn, cast

import numpy as np

from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_CSV_LINE_BYTES

_NO_TEXT = "got bytes that are no text, expected .npy, CSV in UTF-8, WAV, PNG, JPEG, BMP, PGM or PPM; correct the file"
_UTF_16 = "got UTF-16, expected CSV in UTF-8; save it again as UTF-8"
_BLOCK = 1 << 17
_NEW_LINE = 10
_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_RETURN = (
    "got a carriage return inside the line, expected \\n or \\r\\n at its end; save it again with line ends of Unix or Windows"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x0c\x0e-\x1f]")  # all but the tab and the carriage return


class OpenRowError(FerryError):
    """A row of which nobody knows where it ends, so that it cannot be left out alone."""


@dataclass(frozen=True)
class Line:
    """A line that is not blank. `blank`: the number of a blank line between it and the one before; 0: there is none."""

    number: int
    text: str
    blank: int


class Lines:
    """The lines of a stream, without their ends, the byte order mark and those that hold nothing but spaces."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self.where = where
        self.last_is_open = False  # has the last line that was read no line end?
        self.number = 0  # of the last line that was read
        self._stream = cast(BufferedReader, stream)  # as every stream here is, or BytesIO, which reads in the same way
        self._held, self._at = b"", 0  # what was read, and where the next line begins in it
        self._ends, self._next = np.empty(0, np.intp), 0  # where its lines end, and which of them is the next
        self._blank = 0
        self._seen = False

    def __iter__(self) -> Iterator[Line]:
        """Yield each line. Raises FerryError(BAD_INPUT) with its number."""
        while raw := self._take():
            text = self._text(raw, self.number)
            self.last_is_open = not raw.endswith(b"\n")
            if text.strip(" "):
                blank, self._blank, self._seen = self._blank, 0, True
                yield Line(self.number, text, blank)
            else:
                self._note_blank()

    def pass_over(self, count: int | None) -> int:
        """Take lines that are not blank, at most `count` (None: all), without a look at what they hold; return how many.

        Raises FerryError(BAD_INPUT) for a line that is too long.
        """
        passed = 0
        while passed != count and (raw := self._take()):
            self._require_length(raw)
            self.last_is_open = not raw.endswith(b"\n")
            text = raw.removesuffix(b"\n").removesuffix(b"\r")
            if (text.removeprefix(_UTF_8_MARK) if self.number == 1 else text).strip(b" "):
                self._blank, self._seen = 0, True
                passed += 1
            else:
                self._note_blank()
        return passed

    def _take(self) -> bytes:
        """Return the next line as it is, at most MAX_CSV_LINE_BYTES + 1 of it, and count it; b"" at the end."""
        end = self._end_of(1)
        raw = self._held[self._at : min(end, self._at + MAX_CSV_LINE_BYTES + 1)]
        self._at += len(raw)
        self._next += raw.endswith(b"\n")
        self.number += bool(raw)
        return raw

    def _end_of(self, count: int) -> int:
        """Return where the next `count` lines end in what is held, after reading on until they do or are too long."""
        while len(self._ends) - self._next < count and len(self._held) - self._at <= MAX_CSV_LINE_BYTES and self._read_on():
            pass
        last = self._next + count - 1
        return int(self._ends[last]) + 1 if last < len(self._ends) else len(self._held)

    def _read_on(self) -> bool:
        """Hold more of the stream, as soon as there is some; say whether there was. What was taken is let go."""
        rest = self._held[self._at :]
        more = self._stream.read1(max(_BLOCK, len(rest)))  # of a long line twice as much each time
        self._held, self._at = rest + more, 0
        self._ends, self._next = np.flatnonzero(np.frombuffer(self._held, np.uint8) == _NEW_LINE), 0
        return bool(more)

    def _note_blank(self) -> None:
        if self._seen and not self._blank:
            self._blank = self.number

    def peek(self, count: int) -> bytes:
        """Return the next lines, at most `count`, as they are; they stay."""
        end = self._end_of(count)
        return self._held[self._at : end]

    def skip(self, text: bytes, lines: int) -> None:
        """Take that many lines, as `peek` returned them: none is blank, and each has an end."""
        self._at, self._next, self.number = self._at + len(text), self._next + lines, self.number + lines
        self._blank, self._seen, self.last_is_open = 0, True, False

    def _text(self, raw: bytes, number: int) -> str:
        """Return the line as text. Without these checks a binary file could pass for a table."""
        self._require_length(raw)
        if number == 1 and raw.startswith(_UTF_16_MARKS):
            self.refuse(number, _UTF_16)
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            self.refuse(number, _NO_TEXT)
        if _CONTROL.search(text):
            self.refuse(number, _NO_TEXT)
        if "\r" in text:
            self.refuse(number, _RETURN)
        return text

    def _require_length(self, raw: bytes) -> None:
        if len(raw) > MAX_CSV_LINE_BYTES and not raw.endswith(b"\n"):
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"{self.where}: line: got more than {MAX_CSV_LINE_BYTES} bytes, expected fewer; is this the right file?",
            )

    def refuse(self, line: int, problem: str, *, column: int | None = None, kind: type[FerryError] = FerryError) -> NoReturn:
        """Raise `kind`, which is FerryError(BAD_INPUT), that names the place."""
        place = f"line {line}" if column is None else f"line {line}, column {column}"
        raise kind(ExitCode.BAD_INPUT, f"{self.where}: {place}: {problem}")
