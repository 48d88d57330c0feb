"""A large seeded family of manifests: one to three changes to a valid one, in its values, keys, number forms or bytes."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

from hostile.documents import Place, at, walk

_FORM = "\u0001form:"  # marks a string that stands for the number form behind it


def form(text: str) -> str:
    """A number as it is to be written, e.g. `1e0`; json.dumps would choose its own form."""
    return _FORM + text


def to_text(document: Any) -> str:
    """JSON with the number forms as they are."""
    return re.sub(rf'"{json.dumps(_FORM)[1:-1]}([^"]*)"', r"\1", json.dumps(document, indent=1))


STRINGS = [
    "", "a", "A", "N", "M", "x-y", "x_y", "a.b", "a/b", "a/../b", "..", ".a", "/a", "a\n", "a b", "-", "0", "9a", "a" * 31, "a" * 32, "a" * 33,
    "a" * 63, "a" * 64, "a" * 65, "a" * 255, "a" * 256, "A" * 32, "A" * 33, "\u00e9", "\U0001f600", "\u0000", "\u2028", "\u007f", "\u212a", "\u0130",
    "golden", "any", "cpu", "cuda", "cuda:0", "bits", "absolute", "float32", "float64", "int64", "uint8", "bool", "float16", "real", "synthetic",
    "eager", "onnxruntime", "torchscript", "export", "onnx", "label", "net_input", "measurements", "batch-1", "batch-64",
    "manifest.json", "model.onnx", "native/x", "native/x86_64-linux-gnu/model.so", "nativ/x",
    "golden/batch-1.input.measurements.npy", "f" * 64, "F" * 64, "0" * 63, "1" * 65,
]  # fmt: skip
FORMS = [
    "0", "-0", "1", "-1", "2", "3", "7", "8", "64", "1.0", "0.0", "-0.0", "1e0", "1E+0", "10e-1", "0.5", "-0.5", "1e-400", "1e308", "1e309", "-1e309",
    "9007199254740992", "9007199254740993", "9007199254740992.0", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "18446744073709551617", "1" + "0" * 30, "4.9e-324", "2e-324", "01", "+1", ".1",
    "1.", "NaN", "Infinity", "-Infinity", "0x1", "1e", "00",
]  # fmt: skip
OTHERS: list[Any] = [
    None,
    True,
    False,
    [],
    {},
    [None],
    {"a": "b"},
    [0, 1],
    ["N"],
    ["N", 2],
    ["N", "N"],
    [2],
    {"N": {"min": 0, "max": None}},
]


class Mutator:
    """Changes documents; equal seeds give equal changes."""

    def __init__(self, document: Any, seed: str) -> None:
        self._document = document
        self._random = random.Random(seed)

    def texts(self, count: int) -> Iterator[bytes]:
        """`count` manifests; about one in eight is changed byte by byte, the others as documents."""
        for _ in range(count):
            if self._random.random() < 1 / 8:
                yield self._change_bytes(json.dumps(self._document, indent=1).encode())
            else:
                yield to_text(self._change(self._random.choice((1, 1, 1, 2, 3)))).encode("utf-8", "surrogatepass")

    def _change(self, times: int) -> Any:
        document = copy.deepcopy(self._document)
        changes = [self._replace] * 3 + [self._nudge] * 3 + [self._relist, self._move, self._drop, self._repeat, self._rename]
        for _ in range(times):
            place = self._random.choice([place for place, _ in walk(document) if place])
            self._random.choice(changes)(document, place)
        return document

    def _relist(self, document: Any, place: Place) -> None:  # noqa: ARG002 (every change takes a place)
        """A file entry that is well formed and does not fit the files."""
        entries = [value for _, value in walk(document) if isinstance(value, dict) and "sha256" in value]
        if entries:
            entry = self._random.choice(entries)
            entry.update(
                self._random.choice(({"path": "golden/other.npy"}, {"bytes": 1}, {"sha256": "0" * 64}, {"path": "golden"}))
            )

    def _replace(self, document: Any, place: Place) -> None:
        kind = self._random.random()
        value = (
            self._random.choice(STRINGS)
            if kind < 0.5
            else form(self._random.choice(FORMS))
            if kind < 0.8
            else copy.deepcopy(self._random.choice(OTHERS))
        )
        at(document, place[:-1])[place[-1]] = value

    def _nudge(self, document: Any, place: Place) -> None:
        """A value of the same type close to the one there."""
        value = at(document, place)
        if isinstance(value, bool):
            value = not value
        elif isinstance(value, int | float):
            value = form(self._random.choice(FORMS))
        elif isinstance(value, str):
            value = self._nudge_text(value)
        elif isinstance(value, list):
            value = self._random.choice((value[::-1], value[:-1], value[1:], sorted(value, key=str)))
        elif isinstance(value, dict):
            keys = sorted(value)
            self._random.shuffle(keys)
            value = {key: value[key] for key in keys}
        at(document, place[:-1])[place[-1]] = value

    def _nudge_text(self, value: str) -> str:
        where = self._random.randint(0, len(value))
        extra = self._random.choice(("", "a", "A", "0", "-", "_", ".", "/", "\n", " ", "\u00e9", "\0"))
        return value[:where] + extra + value[where + self._random.randint(0, 1) :]

    def _move(self, document: Any, place: Place) -> None:
        """A value from another place of the document."""
        source = self._random.choice([other for other, _ in walk(document) if other])
        at(document, place[:-1])[place[-1]] = copy.deepcopy(at(document, source))

    def _drop(self, document: Any, place: Place) -> None:
        del at(document, place[:-1])[place[-1]]

    def _repeat(self, document: Any, place: Place) -> None:
        """An item once more, or a value under a new key."""
        container, value = at(document, place[:-1]), copy.deepcopy(at(document, place))
        if isinstance(container, list):
            container.insert(self._random.randint(0, len(container)), value)
        else:
            container[self._random.choice(STRINGS)] = value

    def _rename(self, document: Any, place: Place) -> None:
        container = at(document, place[:-1])
        if isinstance(container, dict):
            container[self._random.choice((self._nudge_text(str(place[-1])), self._random.choice(STRINGS)))] = container.pop(
                place[-1]
            )

    def _change_bytes(self, text: bytes) -> bytes:
        start = self._random.randrange(len(text))
        end = start + self._random.choice((0, 0, 1, 1, 2, 8))
        pieces = (
            b"",
            b"\0",
            b'"',
            b"\\",
            b",",
            b"[",
            b"}",
            b"\xff",
            b"\xc3\xa9",
            b"\xed\xa0\x80",
            b"\t",
            b"\x01",
            b"//",
            b"1",
            text[start : end + 5],
        )
        return text[:start] + self._random.choice(pieces) + text[end:]
