"""The door in front of a .pte: every offset, index and size in it is checked before ExecuTorch sees the program.

ExecuTorch's own verification checks the offsets of its FlatBuffer; indexes of values, operators and instructions, sizes of
memory and what a delegate's blob holds it trusts, or ends the process over. cpp/engines/pte_door.cpp is the twin.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torchferry.engines.flat_table import Table, parse_schema, read_root
from torchferry.engines.pte_schema import PROGRAM
from torchferry.engines.xnnpack_door import check_blob
from torchferry.errors import ExitCode, FerryError

_HEADER = struct.Struct("<4xI QQ")  # after the identifier: magic, length, size of the program, start of the segments
ELEMENT_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 11: 1, 15: 2}  # by c10's ScalarType; no quantized ones
_MAX_RANK, _MAX_ELEMENTS, _MAX_SLACK = 16, 1 << 40, 1 << 16
_MAX_PLANNED = 1 << 40
_INLINE = 0
_SCHEMA = parse_schema(PROGRAM)
XNNPACK_ID = b"XnnpackBackend"


@dataclass(frozen=True)
class ProgramFile:
    """The program as tables, and the bytes of its segments."""

    program: Table
    segments: list[memoryview]

    def named(self) -> dict[bytes, memoryview]:
        """Return the data that delegates ask for by a key."""
        return {entry["key"]: self.segment(entry["segment_index"]) for entry in self.program["named_data"] or []}

    def segment(self, index: int) -> memoryview:
        """Return the bytes of a segment. Raises ValueError for an index outside the list."""
        return self.segments[_index("segment", index, len(self.segments))]

    def blob(self, delegate: Table) -> memoryview:
        """Return what a delegate was compiled to. Raises ValueError for an index outside the list."""
        index = delegate["processed"]["index"]
        if delegate["processed"]["location"] != _INLINE:
            return self.segment(index)
        inline = self.program["backend_delegate_data"]
        data: memoryview = inline[_index("delegate data", index, len(inline))]["storage"]
        return data


def check_program(path: str, data: bytes) -> list[Table]:
    """Judge a program; returns its plans, for checks that need a table of operators. Raises FerryError(FORMAT)."""
    try:
        file = read_program(memoryview(data))
        plans: list[Table] = file.program["execution_plan"]
        for entry in file.program["named_data"] or []:
            _require(_is_name(entry["key"]), "got named data without a name")
            file.segment(entry["segment_index"])
        for plan in plans:
            _Plan(file, plan).check()
    except ValueError as error:
        raise FerryError(ExitCode.FORMAT, f"{path}: {error}; export the bundle again, or do not trust it") from None
    return plans


def read_program(data: memoryview) -> ProgramFile:
    """Read a program's tables and segments, which are parts of `data`. Raises ValueError."""
    _require(len(data) >= 12 and bytes(data[4:8]) == b"ET12", "got no ExecuTorch program, expected one of identifier ET12")
    body, tail = data, data[:0]
    if bytes(data[8:12]) == b"eh00":
        _require(len(data) >= 32, "got a program that ends in its header")
        length, size, base = _HEADER.unpack_from(data, 8)
        is_inside = 24 <= length <= size <= len(data) and (base == 0 or size <= base <= len(data))
        _require(is_inside, "got a header that leads outside the file")
        body, tail = data[:size], data[base:] if base else data[:0]
    program = read_root(body, _SCHEMA, "Program")
    _require(program["version"] == 0, "got a program of another version, expected 0")
    segments = []
    for entry in program["segments"]:
        _require(entry["offset"] + entry["size"] <= len(tail), "got a segment outside the file")
        segments.append(tail[entry["offset"] : entry["offset"] + entry["size"]])
    return ProgramFile(program, segments)


class _Plan:
    """One method: its values, then the instructions over them."""

    def __init__(self, file: ProgramFile, plan: Table) -> None:
        self._file, self._plan = file, plan
        self._values: list[tuple[str, Table]] = [value["val"] for value in plan["values"]]
        self._planned = plan["non_const_buffer_sizes"]
        self._used = [0] * len(self._planned)

    def check(self) -> None:
        """Check the program. Raises ValueError."""
        _require(_is_name(self._plan["name"]), "got a method without a name")
        _require(not self._plan["non_const_buffer_device"], "got memory of another device")
        for index in [*self._plan["inputs"], *self._plan["outputs"]]:
            self._tensor(index)
        for index, (kind, value) in enumerate(self._values):
            self._check_value(index, kind, value)
        for size, used in zip(self._planned, self._used, strict=True):
            _require(
                0 <= size <= used + _MAX_SLACK and size <= _MAX_PLANNED,
                f"got a memory plan of {size} bytes, of which {used} are used",
            )
        for operator in self._plan["operators"]:
            is_named = _is_name(operator["name"]) and b"::" in operator["name"] and _is_name(b"." + operator["overload"])
            _require(is_named, "got an operator without a name")
        blobs = [self._blob(delegate) for delegate in self._plan["delegates"]]
        chains = self._plan["chains"]
        _require(bool(chains), "got a method without instructions")
        for chain in chains:
            self._check_chain(chain["instructions"], blobs)

    # ---- values ---------------------------------------------------------------------------------------------------

    def _value(self, index: int) -> tuple[str, Table]:
        return self._values[_index("value", index, len(self._values))]

    def _tensor(self, index: int) -> Table:
        kind, value = self._value(index)
        _require(kind == "Tensor", f"got value {index} of kind {kind}, expected Tensor")
        return value

    def _check_value(self, index: int, kind: str, value: Table) -> None:
        if kind == "Tensor":
            self._check_tensor(index, value)
        elif kind == "IntList":
            is_plain = all(self._value(item)[0] == "Int" for item in value["items"])
            _require(is_plain, "got a list of numbers with another value in it")
        elif kind in ("TensorList", "OptionalTensorList"):
            for item in value["items"]:
                if item != -1 or kind == "TensorList":
                    self._tensor(item)
                    _require(item < index, "got a list of tensors in front of them")

    def _check_tensor(self, index: int, tensor: Table) -> None:
        sizes, order = tensor["sizes"], list(tensor["dim_order"])
        _require(tensor["scalar_type"] in ELEMENT_BYTES, f"got a tensor of type {tensor['scalar_type']}")
        _require(len(sizes) <= _MAX_RANK and sorted(order) == list(range(len(sizes))), "got a tensor whose dims have no order")
        _require(all(size >= 0 for size in sizes), "got a tensor with a negative size")
        is_plain = tensor["storage_offset"] == 0 and tensor["layout"] == 0 and tensor["shape_dynamism"] in (0, 1)
        _require(is_plain, "got a tensor of another layout")
        extra = tensor["extra_tensor_info"]
        _require(
            extra is None or (extra["location"] == 0 and extra["device_type"] == 0), "got a tensor that lies outside the program"
        )
        elements = 1
        for size in sizes:
            elements *= size
            _require(elements <= _MAX_ELEMENTS, "got a tensor of too many elements")
        self._check_memory(index, tensor, elements * ELEMENT_BYTES[tensor["scalar_type"]])

    def _check_memory(self, index: int, tensor: Table, needed: int) -> None:
        place, constant = tensor["allocation_info"], tensor["data_buffer_idx"]
        if place is not None:
            _require(0 < place["memory_id"] < len(self._planned), "got a tensor in memory that is not planned")
            stop = (place["memory_offset_high"] << 32) + place["memory_offset_low"] + needed
            _require(stop <= self._planned[place["memory_id"]], "got a tensor that leaves its planned memory")
            self._used[place["memory_id"]] = max(self._used[place["memory_id"]], stop)
        if constant:
            _require(
                self._constant_bytes(tensor, constant, is_initial=place is not None) >= needed,
                "got a tensor that leaves its data",
            )
        elif place is None:
            _require(index in self._plan["inputs"] or needed == 0, "got a tensor without memory")

    def _constant_bytes(self, tensor: Table, index: int, *, is_initial: bool) -> int:
        """Return how many bytes there are for a constant or an initial state."""
        inline = self._file.program["constant_buffer"]
        if inline:
            return len(inline[_index("constant", index, len(inline))]["storage"])
        offsets = self._file.program["constant_segment"]
        if is_initial:
            parts = self._file.program["mutable_data_segments"] or []
            extra = tensor["extra_tensor_info"]
            offsets = parts[_index("mutable segment", extra["mutable_data_segments_idx"] if extra else 0, len(parts))]
        start = offsets["offsets"][_index("constant", index, len(offsets["offsets"]))]
        return len(self._file.segment(offsets["segment_index"])) - int(start)

    # ---- instructions -----------------------------------------------------------------------------------------------

    def _check_chain(self, instructions: Sequence[Table], blobs: Sequence[Table | None]) -> None:
        operators = len(self._plan["operators"])
        for instruction in instructions:
            kind, call = instruction["instr_args"]
            if kind == "KernelCall":
                _index("operator", call["op_index"], operators)
                for argument in call["args"]:
                    self._value(argument)
            elif kind == "DelegateCall":
                self._check_delegate_call(blobs[_index("delegate", call["delegate_index"], len(blobs))], call["args"])
            elif kind == "MoveCall":
                is_same = self._value(call["move_from"])[0] == self._value(call["move_to"])[0]
                _require(is_same, "got a move between values of two kinds")
            elif kind == "JumpFalseCall":
                _require(self._value(call["cond_value_index"])[0] in ("Bool", "Tensor"), "got a jump by a value that is no truth")
                _index("instruction", call["destination_instruction"], len(instructions) + 1)
            else:
                self._tensor(call["value_index"])

    def _check_delegate_call(self, graph: Table | None, arguments: Sequence[int]) -> None:
        tensors = [self._tensor(argument) for argument in arguments]
        if graph is None:
            return
        _require(
            graph["num_externs"] == len(tensors), f"got a delegate of {graph['num_externs']} tensors called with {len(tensors)}"
        )
        for _, value in (item["xvalue_union"] for item in graph["xvalues"]):
            if value["external_id"] < len(tensors):
                tensor = tensors[value["external_id"]]
                sizes = tensor["sizes"]
                is_same = {1: 6, 2: 5, 12: 3}[value["datatype"]] == tensor["scalar_type"] and (sizes or [1]) == value["dims"]
                _require(is_same, "got a delegate's tensor of another type or shape than the program's")

    def _blob(self, delegate: Table) -> Table | None:
        """Return the graph of a delegate of XNNPACK, checked; None for another backend, which no runtime here has."""
        _require(_is_name(delegate["id"]), "got a delegate without a name")
        for spec in delegate["compile_specs"]:
            _require(_is_name(spec["key"]), "got a delegate's option without a name")
        blob = self._file.blob(delegate)
        return check_blob(blob, self._file.named()) if delegate["id"] == XNNPACK_ID else None


def kernel_calls(plan: Table) -> Iterator[tuple[str, str, list[tuple[str, Any]]]]:
    """Name, overload and arguments (kind and table) of each call of a kernel."""
    for chain in plan["chains"]:
        for kind, call in (instruction["instr_args"] for instruction in chain["instructions"]):
            if kind == "KernelCall":
                operator = plan["operators"][call["op_index"]]
                arguments = [plan["values"][index]["val"] for index in call["args"]]
                yield operator["name"].decode("latin-1"), operator["overload"].decode("latin-1"), arguments


def _index(what: str, index: int, count: int) -> int:
    if not 0 <= index < count:
        raise ValueError(f"got {what} {index} of {count}, expected an index inside the list")
    return index


def _is_name(text: bytes) -> bool:
    """Say whether a name is printable ASCII: the runtime's log and Python's binding end the process at other bytes."""
    return len(text) > 0 and all(0x20 < byte < 0x7F for byte in text)


def _require(is_good: bool, text: str) -> None:
    if not is_good:
        raise ValueError(text if ", expected" in text else f"{text}, expected a program as ExecuTorch exports it")
