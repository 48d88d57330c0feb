"""FlatBuffers read by a schema, every offset held to the bytes: tables become dicts. cpp/engines/flat_table.cpp is the twin.

Binary format: flatbuffers.dev/internals. A schema is text, one table a line, which an indented line goes on:
`Name field:type ...`. A type is a number
(`i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool`), `string`, another table, a vector of one of these in brackets, or the tables
of a union between bars. Absent numbers are 0; others must be there, but for those that end in `?`, which are None where absent:
what reads the file after us may follow an offset that is not there. A vector of `u8` stays bytes; a union becomes (kind, table).
"""

from __future__ import annotations

import struct
from typing import Any

_NUMBERS = {
    "i8": "<b",
    "u8": "<B",
    "bool": "<B",
    "i16": "<h",
    "u16": "<H",
    "i32": "<i",
    "u32": "<I",
    "i64": "<q",
    "u64": "<Q",
    "f32": "<f",
    "f64": "<d",
}
_MAX_TABLES = 1_000_000  # that a file may lead to, however often it shares them
Table = dict[str, Any]
Schema = dict[str, list[tuple[str, str]]]


def parse_schema(text: str) -> Schema:
    """Return the fields of each table in order."""
    lines = [line.split() for line in text.strip().replace("\n ", " ").replace("| ", "|").splitlines()]
    return {name: [(field.partition(":")[0], field.partition(":")[2]) for field in fields] for name, *fields in lines}


def read_root(data: memoryview, schema: Schema, kind: str) -> Table:
    """Return the root table as nested dicts. Raises ValueError where an offset or size leads outside the bytes."""
    return _Reader(data, schema).root(kind)


class _Reader:
    def __init__(self, data: memoryview, schema: Schema) -> None:
        self._data, self._schema, self._count = data, schema, 0

    def root(self, kind: str) -> Table:
        return self._table(kind, self._number("u32", 0))

    def _number(self, kind: str, at: int) -> Any:
        form = _NUMBERS[kind]
        if not 0 <= at <= len(self._data) - struct.calcsize(form):
            raise ValueError(f"got an offset to byte {at}, expected one inside the program")
        return struct.unpack_from(form, self._data, at)[0]

    def _table(self, kind: str, at: int) -> Table:
        self._count += 1
        if self._count > _MAX_TABLES:
            raise ValueError(f"got more than {_MAX_TABLES} tables, expected fewer")
        vtable = at - self._number("i32", at)
        size = self._number("u16", vtable)
        found: Table = {}
        slot = 4
        for name, what in self._schema[kind]:
            places = []
            for _ in range(2 if "|" in what else 1):
                entry = self._number("u16", vtable + slot) if slot + 2 <= size else 0
                places.append(at + entry if entry else None)
                slot += 2
            if places[0] is None and not (what in _NUMBERS or "|" in what or what.endswith("?")):
                raise ValueError(f"got a {kind} without {name}, expected one as ExecuTorch exports it")
            found[name] = self._union(what, places) if "|" in what else self._field(what.rstrip("?"), places[0])
        return found

    def _union(self, kinds: str, places: list[int | None]) -> tuple[str, Table]:
        tag = 0 if places[0] is None else self._number("u8", places[0])
        names = ["", *kinds.split("|")]
        if not 0 < tag < len(names) or places[1] is None:
            raise ValueError(f"got a value of kind {tag}, expected one of {kinds}")
        kind = names[tag]
        return kind, self._table(kind, self._target(places[1]))

    def _field(self, what: str, at: int | None) -> Any:
        if what in _NUMBERS:
            return 0 if at is None else self._number(what, at)
        if at is None:
            return None
        target = self._target(at)
        if what == "string":
            return bytes(self._span(target, 1))
        if not what.startswith("["):
            return self._table(what, target)
        inner = what[1:-1]
        if inner == "u8":
            return self._span(target, 1)
        if inner in _NUMBERS:
            form = _NUMBERS[inner]
            return [item for (item,) in struct.iter_unpack(form, self._span(target, struct.calcsize(form)))]
        count = len(self._span(target, 4)) // 4
        return [self._table(inner, self._target(target + 4 + 4 * index)) for index in range(count)]

    def _target(self, at: int) -> int:
        return int(at + self._number("u32", at))

    def _span(self, at: int, item: int) -> memoryview:
        """Return the bytes of the vector at `at`, whose items have that size."""
        count = self._number("u32", at)
        if count * item > len(self._data) - at - 4:
            raise ValueError(f"got a list of {count} items at byte {at}, expected one inside the program")
        return self._data[at + 4 : at + 4 + count * item]
