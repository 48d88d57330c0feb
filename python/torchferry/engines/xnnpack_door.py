"""The blob of a delegate of XNNPACK: its FlatBuffer, the ids in it and the sizes of its weights are checked.

XNNPACK verifies nothing in it: an id or a size of weights that lies leads outside the memory. cpp/engines/xnnpack_door.cpp is
the twin.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from torchferry.engines.flat_table import Table, parse_schema, read_root
from torchferry.engines.pte_schema import XNNPACK

_HEADER = struct.Struct("<4s4sHIIIQ")  # zeros, magic, length, graph, constants
_NONE = (1 << 32) - 1  # of an id
_BYTES = {1: 4, 2: 2, 12: 4}  # by XNNDatatype: float32, float16, int32
_MAX_RANK, _MAX_VALUES, _MAX_ELEMENTS = 6, 1 << 20, 1 << 40
_MAX_WINDOW = 1 << 16
_WINDOW = ("pooling", "stride", "dilation")  # an average has no dilation: 0
_OPTIONAL = ("bias_id",)
_TRANSPOSED = 1  # flag of a fully connected layer: weights are [in, out]
_SCHEMA = parse_schema(XNNPACK)


def check_blob(blob: memoryview, named: Mapping[bytes, memoryview]) -> Table:
    """Return the graph in a delegate's blob. Raises ValueError."""
    _require(len(blob) >= _HEADER.size and bytes(blob[4:8]) == b"XH00", "got a delegate's blob without header")
    _, _, _, start, size, constants, constant_size = _HEADER.unpack_from(blob, 0)
    _require(start + size <= len(blob) and constants + constant_size <= len(blob), "got a delegate's header that leads outside")
    body = blob[start : start + size]
    _require(bytes(body[4:8]) in (b"XN00", b"XN01"), "got a delegate of another version")
    graph = read_root(body, _SCHEMA, "Graph")
    values = _values(graph)
    rooms = [_room(entry, constant_size, named) for entry in graph["constant_data"]]
    _require(not graph["constant_buffer"], "got a delegate's weights inside its graph")
    for value in values.values():
        _check_value(value, graph["num_externs"], rooms)
    for kind, node in (item["xnode_union"] for item in graph["xnodes"]):
        _check_node(kind, node, values)
    for number in [*graph["input_ids"], *graph["output_ids"]]:
        _require(
            number in values and values[number]["external_id"] != _NONE, f"got a delegate's input or output {number} that is none"
        )
    return graph


def constants_of(blob: memoryview, graph: Table, named: Mapping[bytes, memoryview]) -> list[memoryview]:
    """Return the bytes of the graph's constants in the order in which its nodes read them, from a blob that was checked."""
    start = _HEADER.unpack_from(blob, 0)[5]
    values = _values(graph)
    found = []
    for _, node in (item["xnode_union"] for item in graph["xnodes"]):
        for number in (number for name, number in node.items() if name.endswith("_id")):
            index = values[number]["constant_buffer_idx"] if number in values else 0
            if index:
                entry = graph["constant_data"][index]
                named_key, first = entry["named_key"], start + entry["offset"]
                found.append(named[named_key] if named_key else blob[first : first + entry["size"]])
    return found


def _values(graph: Table) -> dict[int, Table]:
    """Return the values by their ids."""
    found: dict[int, Table] = {}
    for kind, value in (item["xvalue_union"] for item in graph["xvalues"]):
        _require(kind == "Tensor", "got a delegate with quantized values")
        _require(value["id_out"] not in found and value["id_out"] < _MAX_VALUES, "got a delegate's value twice")
        found[value["id_out"]] = value
    externs = sorted(value["external_id"] for value in found.values() if value["external_id"] != _NONE)
    _require(
        len(externs) == graph["num_externs"] and externs == list(range(len(externs))),
        "got a delegate whose tensors are not numbered one by one",
    )
    return found


def _room(entry: Table, constant_size: int, named: Mapping[bytes, memoryview]) -> int:
    """Return how many bytes a constant has."""
    if entry["named_key"]:
        _require(entry["named_key"] in named, "got a delegate's weights of an unknown name")
        return len(named[entry["named_key"]])
    _require(entry["offset"] + entry["size"] <= constant_size, "got a delegate's weights outside its blob")
    return int(entry["size"])


def _check_value(value: Table, externs: int, rooms: list[int]) -> None:
    dims = value["dims"]
    _require(value["datatype"] in _BYTES and value["dq_datatype"] == 0, "got a delegate's value of another type")
    _require(
        len(dims) == value["num_dims"] <= _MAX_RANK and math.prod(dims) <= _MAX_ELEMENTS,
        "got a delegate's value of another shape",
    )
    is_extern = value["external_id"] < externs
    _require(value["flags"] in ((1, 2) if is_extern else (0,)), "got a delegate's value with other flags")
    index = value["constant_buffer_idx"]
    if index:
        _require(index < len(rooms) and not is_extern, f"got a delegate's weights {index} of {len(rooms)}")
        _require(math.prod(dims) * _BYTES[value["datatype"]] <= rooms[index], "got a delegate's weights that leave their bytes")


def _check_node(kind: str, node: Table, values: Mapping[int, Table]) -> None:
    for name, number in node.items():
        if name.endswith("_id") and not (number == _NONE and name in _OPTIONAL) and not _is_unused(kind, name, node):
            _require(number in values, f"got a delegate's {name} {number}, of which there is no value")
        elif name in ("padding_top", "padding_right", "padding_bottom", "padding_left"):
            _require(number <= _MAX_WINDOW, "got a delegate's padding that is too large")
    if kind == "Full":
        _check_weights(node, values)
    elif kind == "Conv":
        _check_convolution(node, values)
    elif kind in ("Reshape", "Transpose", "Slice", "Pad"):
        _check_lists(kind, node, values[node["input_id"]])
    elif kind in ("Pool", "ArgMaxPool"):
        sizes = [(value, name.startswith("dilation")) for name, value in node.items() if name.startswith(_WINDOW)]
        _require(all(may_be_0 or size > 0 for size, may_be_0 in sizes), "got a delegate's window of another size")
        _require(all(size <= _MAX_WINDOW for size, _ in sizes), "got a delegate's window of another size")


def _is_unused(kind: str, name: str, node: Table) -> bool:
    """Say whether this is an input that a concatenation leaves out: it has two to five, and the rest are 0."""
    return kind == "Cat" and name in ("input3_id", "input4_id", "input5_id") and node[name] in (0, _NONE)


def _check_weights(node: Table, values: Mapping[int, Table]) -> None:
    filter_dims = values[node["filter_id"]]["dims"]
    _require(len(filter_dims) == 2, "got a delegate's layer whose weights are no matrix")
    outputs = filter_dims[-1 if node["flags"] & _TRANSPOSED else 0]
    if node["bias_id"] != _NONE:
        _require(list(values[node["bias_id"]]["dims"]) == [outputs], "got a delegate's bias of another size")


def _check_convolution(node: Table, values: Mapping[int, Table]) -> None:
    names = ("kernel_height", "kernel_width", "subsampling_height", "subsampling_width", "dilation_height", "dilation_width")
    counts = ("group_input_channels", "group_output_channels", "groups")
    _require(all(0 < node[name] <= _MAX_WINDOW for name in names), "got a delegate's window of another size")
    _require(all(0 < node[name] < _MAX_VALUES for name in counts), "got a delegate's channels of another number")
    channels = node["groups"] * node["group_output_channels"]
    taps = node["kernel_height"] * node["kernel_width"] * node["group_input_channels"]
    _require(math.prod(values[node["filter_id"]]["dims"]) == channels * taps, "got a delegate's filter of another size")
    if node["bias_id"] != _NONE:
        _require(math.prod(values[node["bias_id"]]["dims"]) == channels, "got a delegate's bias of another size")


def _check_lists(kind: str, node: Table, value: Table) -> None:
    rank = value["num_dims"]
    names = {
        "Reshape": ["new_shape"],
        "Transpose": ["perm"],
        "Slice": ["offsets", "sizes"],
        "Pad": ["pre_paddings", "post_paddings"],
    }[kind]
    for name in names:
        items = node[name]
        expected = node["num_dims"] if kind == "Reshape" else rank
        _require(len(items) == expected <= _MAX_RANK, f"got a delegate's {name} of another length")
        _require(kind != "Transpose" or sorted(items) == list(range(rank)), "got a delegate's order of dims that is none")


def _require(is_good: bool, text: str) -> None:
    if not is_good:
        raise ValueError(f"{text}, expected one as ExecuTorch exports it")
