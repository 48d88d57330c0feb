"""The lines of a table as text (FORMAT.md section 10). The C++ twin is cpp/cli/csv_lines.cpp."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO, NoReturn

from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_CSV_LINE_BYTES

_NO_TEXT = "got bytes that are no text, expected .npy, CSV in UTF-8, WAV, PNG, JPEG, BMP, PGM or PPM; correct the file"
_UTF_16 = "got UTF-16, expected CSV in UTF-8; save it again as UTF-8"
_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_RETURN = (
    "got a carriage return inside the line, expected \\n or \\r\\n at its end; save it again with line ends of Unix or Windows"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x0c\x0e-\x1f]")  # all but the tab and the carriage return


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
        self._stream = stream
        self._ahead: deque[bytes] = deque()
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
        """Return the next line as it is, and count it; b"" at the end."""
        raw = self._ahead.popleft() if self._ahead else self._stream.readline(MAX_CSV_LINE_BYTES + 1)
        self.number += bool(raw)
        return raw

    def _note_blank(self) -> None:
        if self._seen and not self._blank:
            self._blank = self.number

    def peek(self, count: int) -> list[bytes]:
        """Return the next lines, at most `count`, as they are; they stay."""
        rest = iter(partial(self._stream.readline, MAX_CSV_LINE_BYTES + 1), b"")
        self._ahead.extend(islice(rest, max(count - len(self._ahead), 0)))
        return list(islice(self._ahead, count))

    def skip(self, count: int) -> None:
        """Take lines, as `peek` showed them: none is blank, and each has an end."""
        for _ in range(count):
            self._ahead.popleft()
        self.number += count
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

    def refuse(self, line: int, problem: str, *, column: int | None = None) -> NoReturn:
        """Raise FerryError(BAD_INPUT) that names the place."""
        place = f"line {line}" if column is None else f"line {line}, column {column}"
        raise FerryError(ExitCode.BAD_INPUT, f"{self.where}: {place}: {problem}")
