"""The door in front of an ONNX model: its bytes are walked before ONNX Runtime sees them. cpp/engines/onnx_door.cpp is its twin.

ONNX Runtime opens the files that a tensor names as its data, in the working folder even for a model from memory, and takes
other formats than ONNX from the same bytes. Here every message of onnx.proto3 is read by its wire format: no tensor's data
lies outside, no operator is of a domain outside ONNX, no field is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torchferry.errors import ExitCode, FerryError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 48  # messages inside messages: 6 for each branch inside a branch
_DOMAINS = (b"", b"ai.onnx", b"ai.onnx.ml")
_FUNCTIONS = b"pkg."  # domains of functions that stand in the model, as the exporter names them
# What a field of a message is: a kind of number (both single and packed), plain bytes, or another message.
_WHOLE, _FLOATS, _DOUBLES, _PLAIN = "whole", "floats", "doubles", "bytes"
_WIRES = {
    _WHOLE: (_VARINT, _BYTES),
    _FLOATS: (_FIXED32, _BYTES),
    _DOUBLES: (_FIXED64, _BYTES),
    _PLAIN: (_BYTES,),
}
# onnx.proto3 of IR version 13, by field number; what is left out is refused: training info, external data, devices.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {
        **dict.fromkeys((1, 5), _WHOLE),
        **dict.fromkeys((2, 3, 4, 6), _PLAIN),
        7: "graph",
        8: "opset",
        14: "property",
        25: "function",
    },
    "opset": {1: _PLAIN, 2: _WHOLE},
    "property": {1: _PLAIN, 2: _PLAIN},
    "graph": {1: "node", 5: "tensor", 15: "sparse", 16: "property", **dict.fromkeys((2, 10, 11, 12, 13, 14), _PLAIN)},
    "function": {7: "node", 9: "opset", 11: "attribute", 14: "property", **dict.fromkeys((1, 4, 5, 6, 8, 10, 12, 13), _PLAIN)},
    "node": {5: "attribute", 9: "property", **dict.fromkeys((1, 2, 3, 4, 6, 7, 8), _PLAIN)},
    "attribute": {
        2: _FLOATS,
        7: _FLOATS,
        **dict.fromkeys((3, 8, 20), _WHOLE),
        **dict.fromkeys((5, 10), "tensor"),
        **dict.fromkeys((6, 11), "graph"),
        **dict.fromkeys((22, 23), "sparse"),
        **dict.fromkeys((1, 4, 9, 13, 14, 15, 21), _PLAIN),
    },
    "tensor": {
        **dict.fromkeys((1, 2, 5, 7, 11, 14), _WHOLE),
        4: _FLOATS,
        10: _DOUBLES,
        16: "property",
        **dict.fromkeys((6, 8, 9, 12), _PLAIN),
    },
    "sparse": {1: "tensor", 2: "tensor", 3: _WHOLE},
}
_TENSOR_NAME, _TENSOR_LOCATION, _TENSOR_EXTERNAL = 8, 14, 13
_DOMAIN_FIELDS = {"node": 7, "opset": 1, "function": 10}


@dataclass(frozen=True)
class _Field:
    number: int
    wire: int
    value: int
    content: memoryview


def check_model(path: str, data: bytes) -> None:
    """Judge a model. Raises FerryError(FORMAT)."""
    try:
        if data[4:8] == b"ORTM":
            raise ValueError("got ONNX Runtime's own format, expected ONNX")
        model = list(_fields(memoryview(data)))
        if not any(field.number == 7 for field in model):
            raise ValueError("got no graph, expected an ONNX model")
        _walk("model", memoryview(data), 0)
    except ValueError as error:
        raise FerryError(ExitCode.FORMAT, f"{path}: {error}; export the bundle again, or do not trust it") from None


def _walk(kind: str, message: memoryview, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"got messages that are nested too deep, expected at most {_MAX_DEPTH} levels")
    known = _MESSAGES[kind]
    fields = list(_fields(message))
    _judge(kind, fields)
    for field in fields:
        what = known.get(field.number)
        if what is None or field.wire not in _WIRES.get(what, (_BYTES,)):
            raise ValueError(f"got field {field.number} in a {kind}, expected those of ONNX that stay inside the model")
        if what not in _WIRES:
            _walk(what, field.content, depth + 1)


def _judge(kind: str, fields: list[_Field]) -> None:
    if kind == "tensor":
        is_outside = any(
            field.number == _TENSOR_EXTERNAL or (field.number == _TENSOR_LOCATION and (field.value or field.content))
            for field in fields
        )
        if is_outside:
            raise ValueError(f"tensor {_text(fields, _TENSOR_NAME)}: got data in another file, expected it in the model")
    elif kind == "model" and any(field.number == 20 for field in fields):
        raise ValueError("got training info, expected a model for inference")
    elif kind in _DOMAIN_FIELDS:
        for field in fields:
            if field.number == _DOMAIN_FIELDS[kind] and not _is_allowed(kind, bytes(field.content)):
                raise ValueError(
                    f"{kind}: got the domain {_shown(field.content)}, expected ONNX's own, or pkg.* for functions of the model"
                )


def _is_allowed(kind: str, domain: bytes) -> bool:
    """Say whether a domain is allowed: a function must not take the name of an operator that ONNX Runtime has."""
    return domain.startswith(_FUNCTIONS) or (kind != "function" and domain in _DOMAINS)


def _fields(message: memoryview) -> Iterator[_Field]:
    """Yield the fields of one message in order. Raises ValueError where its bytes are none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield _Field(number, wire, value, message[:0])
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(wire, -1)
        if not 0 <= size <= len(message) - at or not 0 < number < 1 << 29:
            raise ValueError("got bytes that are no ONNX model, expected one")
        yield _Field(number, wire, 0, message[at : at + size])
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & ((1 << 64) - 1), at
    raise ValueError("got bytes that are no ONNX model, expected one")


def _text(fields: list[_Field], number: int) -> str:
    return next((_shown(field.content) for field in fields if field.number == number), "''")


def _shown(text: memoryview) -> str:
    return "'" + "".join(chr(c) if 0x20 <= c <= 0x7E else "?" for c in text[:60]) + "'"
