"""The JSON of a torch.export archive, held to the types that torch itself declares for it (torch/_export/serde/schema.py).

torch's own reader takes a value of any type for any field and skips keys that it does not know. Here a document has exactly
the declared shape, so that whoever walks it afterwards can rely on every key.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from enum import IntEnum
from typing import Annotated, Any

from torch._export.serde import schema
from torch._export.serde.union import _Union

_MAX_DEPTH = 64  # an honest program nests about 12 deep, and about 8 more for each branch inside a branch
_NO_NUMBERS = ("Infinity", "-Infinity", "NaN")  # floats that JSON has no word for


def parse_document(kind: type, data: bytes) -> dict[str, Any]:
    """Return the JSON object of torch's class `kind`. Raises ValueError that names the field."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("got JSON that is nested too deep, expected that of torch.export.save") from None
    _check(kind, document, kind.__name__, 0)
    return typing.cast("dict[str, Any]", document)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("got a key twice in one JSON object, expected each key once")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"got {name}, expected JSON")


def _check(kind: Any, value: Any, where: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"{_ending(where)}: got a value that is nested too deep, expected at most {_MAX_DEPTH} levels")
    kind = _resolved(kind)
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        if value is not None:
            _check(arguments[0], value, where, depth)
    elif typing.get_origin(kind) is list:
        for index, item in enumerate(_expect(list, value, where)):
            _check(arguments[0], item, f"{where}[{index}]", depth + 1)
    elif typing.get_origin(kind) is dict:
        for key, item in _expect(dict, value, where).items():
            _check(arguments[1], item, f"{where}.{key}", depth + 1)
    elif dataclasses.is_dataclass(kind):
        _check_object(typing.cast(type, kind), _expect(dict, value, where), where, depth)
    else:
        _check_plain(kind, value, where)


def _resolved(kind: Any) -> Any:
    """Return the class behind an annotation: torch numbers its fields with Annotated and names some classes by strings."""
    if isinstance(kind, typing.ForwardRef):
        kind = kind.__forward_arg__
    if isinstance(kind, str):
        kind = vars(schema)[kind]
    return typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind


def _check_object(kind: type, value: dict[str, Any], where: str, depth: int) -> None:
    hints = typing.get_type_hints(kind, globalns=vars(schema))
    fields = dataclasses.fields(typing.cast(Any, kind))
    known = {field.name for field in fields}
    for key, item in value.items():
        if key not in known:
            raise ValueError(f"{_ending(where)}: got the key {key[:60]!r}, expected those of {kind.__name__}")
        _check(hints[key], item, f"{where}.{key}", depth + 1)
    if issubclass(kind, _Union):
        if len(value) != 1:
            raise ValueError(f"{_ending(where)}: got {len(value)} keys, expected exactly one kind of {kind.__name__}")
        return
    for field in fields:
        is_optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.name not in value and not is_optional:
            raise ValueError(f"{_ending(where)}: got no {field.name!r}, expected one")


def _check_plain(kind: Any, value: Any, where: str) -> None:
    if kind is float:
        if isinstance(value, bool) or not (isinstance(value, int | float) or value in _NO_NUMBERS):
            raise ValueError(f"{_ending(where)}: got {type(value).__name__}, expected a number")
    elif isinstance(kind, type) and issubclass(kind, IntEnum):
        if type(value) is not int or value not in set(kind):
            raise ValueError(f"{_ending(where)}: got {str(value)[:40]!r}, expected a number of {kind.__name__}")
    elif kind not in (bool, int, str):
        raise ValueError(f"{_ending(where)}: got a field of the unknown type {kind}, expected one of this version of torch")
    else:
        _expect(kind, value, where)


def _expect(kind: type, value: Any, where: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{_ending(where)}: got {type(value).__name__}, expected {kind.__name__}")
    return value


def _ending(where: str) -> str:
    return where if len(where) <= 100 else "..." + where[-97:]
