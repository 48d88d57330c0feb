"""Lines of a stream that gives a few bytes at a time, taken one by one and several at once, beside Python's own lines."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from torchferry.errors import FerryError
from torchferry.samples import lines
from torchferry.samples.lines import Lines


class Dribble(io.RawIOBase):
    """A raw stream of 1 to `most` bytes a read, as a slow device gives them."""

    def __init__(self, data: bytes, most: int) -> None:
        self._rest, self._drawn, self._most = data, random.Random(0), most

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        piece, self._rest = self._rest[: min(len(into), self._drawn.randint(1, self._most))], self._rest
        self._rest = self._rest[len(piece) :]
        into[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("most", [1, 7, 1 << 20])
@pytest.mark.parametrize("seed", range(20))
def test_lines_are_those_of_python_however_they_are_taken(most: int, seed: int) -> None:
    drawn = random.Random(seed)
    texts = ["".join(drawn.choices("12,.", k=drawn.randint(1, 40))) + "\n" for _ in range(60)]
    texts[-1] = texts[-1][: drawn.choice([-1, None])]
    reader = Lines(io.BufferedReader(Dribble("".join(texts).encode(), most)), "rows.csv")
    one_by_one, left = iter(reader), list(texts)
    while left:
        count = drawn.randint(1, 9)
        ahead = reader.peek(count).decode()
        assert ahead == "".join(left[:count])
        if drawn.random() < 0.5 and ahead.endswith("\n"):
            reader.skip(ahead.encode(), ahead.count("\n"))
            del left[:count]
        else:
            line = next(one_by_one)
            assert (line.text + "\n", line.number) == (left[0].rstrip("\n") + "\n", len(texts) - len(left) + 1)
            del left[0]
    assert reader.last_is_open == (not texts[-1].endswith("\n"))
    assert reader.peek(3) == b""
    assert next(one_by_one, None) is None


@pytest.mark.parametrize("most", [3, 1 << 20])
def test_a_line_that_is_too_long_is_refused_and_not_held(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_CSV_LINE_BYTES", 100)
    monkeypatch.setattr(lines, "_BLOCK", 16)
    for length in (99, 100, 5000):
        stream = io.BufferedReader(Dribble(b"1" * length + b"\n2\n", most), 16)
        reader = Lines(stream, "rows.csv")
        assert len(reader.peek(5)) <= 400
        if length <= 100:
            assert [line.text for line in reader] == ["1" * length, "2"]
            continue
        with pytest.raises(FerryError, match="got more than 100 bytes, expected fewer"):
            list(reader)
