"""The door of ONNX models, message by message, on bytes that are written here. tests/hostile holds both languages to one answer."""

from __future__ import annotations

import pytest

from torchferry.engines.onnx_door import check_model
from torchferry.errors import ExitCode, FerryError


def varint(value: int) -> bytes:
    bytes_ = bytearray()
    while value >= 128:
        bytes_.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(bytes_) + bytes([value])


def part(number: int, content: bytes) -> bytes:
    """One field of a protobuf message with a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def model(graph: bytes) -> bytes:
    return b"\x08\x0a" + part(7, graph)


def node(attribute: bytes) -> bytes:
    return part(1, part(4, b"Relu") + part(5, attribute))


def nested(levels: int) -> bytes:
    graph = b""
    for _ in range(levels):
        graph = part(1, part(5, part(6, graph)))
    return model(graph)


OUTSIDE = part(8, b"w") + b"\x70\x01"  # data_location: EXTERNAL
NAMED = part(8, b"w") + part(13, part(1, b"location") + part(2, b"/etc/passwd"))
PACKED = part(8, b"w") + part(14, b"\x01")  # the location as a packed number
GOOD = {
    "a model": model(node(part(1, b"alpha")) + part(5, part(8, b"w") + part(9, b"data"))),
    "classical machine learning": model(part(1, part(7, b"ai.onnx.ml"))),
    "a function of the model": model(part(1, part(7, b"pkg.mine"))) + part(25, part(10, b"pkg.mine")),
    "a few branches": nested(9),
}
BAD = {
    **{f"{name} in {place}": (model(put(tensor)), "tensor 'w': got data in another file")
       for name, tensor in (("outside", OUTSIDE), ("named", NAMED), ("packed", PACKED))
       for place, put in {
           "an initializer": lambda tensor: part(5, tensor),
           "sparse values": lambda tensor: part(15, part(1, tensor)),
           "sparse indices": lambda tensor: part(15, part(2, tensor)),
           "an attribute": lambda tensor: node(part(5, tensor)),
           "a list": lambda tensor: node(part(10, tensor)),
           "a branch": lambda tensor: node(part(6, part(5, tensor))),
       }.items()},
    "a foreign operator": (model(part(1, part(7, b"com.microsoft"))), "domain 'com.microsoft'"),
    "a foreign operator set": (model(b"") + part(8, part(1, b"evil")), "domain 'evil'"),
    "a function in ONNX's name": (model(b"") + part(25, part(10, b"ai.onnx")), "domain 'ai.onnx'"),
    "no graph": (b"", "no graph"),
    "ONNX Runtime's format": (b"\x12\x06xxORTM", "own format"),
    "training info": (model(b"") + part(20, b""), "training info"),
    "an unknown field": (model(b"") + part(26, b""), "field 26 in a model"),
    "a number in the place of a message": (model(part(1, b"\x28\x01")), "field 5 in a node"),
    "a double in the place of a whole number": (b"\x09" + bytes(8) + part(7, b""), "field 1 in a model"),
    "a field longer than its message": (b"\x3a\x7f\x00", "no ONNX model"),
    "a name longer than its tensor": (model(part(5, varint(8 << 3 | 2) + b"\x02w")), "no ONNX model"),
    "a group": (b"\x3b\x00", "no ONNX model"),
    "endless branches": (nested(18), "nested too deep"),
}  # fmt: skip


@pytest.mark.parametrize("what", GOOD)
def test_what_stays_inside_the_model_passes(what: str) -> None:
    check_model("model.onnx", GOOD[what])


@pytest.mark.parametrize("what", BAD)
def test_what_leads_outside_is_refused(what: str) -> None:
    data, words = BAD[what]
    with pytest.raises(FerryError, match=r"^model\.onnx: ") as caught:
        check_model("model.onnx", data)
    assert caught.value.code == ExitCode.FORMAT
    assert words in str(caught.value)
