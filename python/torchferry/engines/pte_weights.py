"""The weights of a .pte in the order in which its instructions read them: bytes of the file itself, without names."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from torchferry.engines.flat_table import Table
from torchferry.engines.pte_door import ELEMENT_BYTES, XNNPACK_ID, ProgramFile, check_program, read_program
from torchferry.engines.xnnpack_door import check_blob, constants_of


def weights_in_order(path: str, data: bytearray) -> list[memoryview]:
    """Return each weight once, as bytes of `data`: what is written into one changes the program. Raises FerryError(FORMAT)."""
    check_program(path, bytes(data))
    file = read_program(memoryview(data))
    found: dict[tuple[int, int], memoryview] = {}
    for plan in file.program["execution_plan"]:
        for key, view in _of_plan(file, plan):
            found.setdefault(key, view)
    return list(found.values())


def _of_plan(file: ProgramFile, plan: Table) -> Iterator[tuple[tuple[int, int], memoryview]]:
    """Yield each weight with its place in memory."""
    for chain in plan["chains"]:
        for kind, call in (instruction["instr_args"] for instruction in chain["instructions"]):
            views: list[memoryview] = []
            if kind == "KernelCall":
                views = [view for index in call["args"] if (view := _constant(file, plan["values"][index]["val"])) is not None]
            elif kind == "DelegateCall":
                views = _of_delegate(file, plan["delegates"][call["delegate_index"]])
            yield from (((np.frombuffer(view, np.uint8).ctypes.data, len(view)), view) for view in views if len(view))


def _of_delegate(file: ProgramFile, delegate: Table) -> list[memoryview]:
    if delegate["id"] != XNNPACK_ID:
        return []
    blob = file.blob(delegate)
    return constants_of(blob, check_blob(blob, file.named()), file.named())


def _constant(file: ProgramFile, value: tuple[str, Table]) -> memoryview | None:
    """Return the bytes of a tensor that is a constant; None for what is computed, or no tensor."""
    kind, tensor = value
    if kind != "Tensor" or not tensor["data_buffer_idx"] or tensor["allocation_info"] is not None:
        return None
    size = math.prod(tensor["sizes"]) * ELEMENT_BYTES[tensor["scalar_type"]]
    index, inline = tensor["data_buffer_idx"], file.program["constant_buffer"]
    if inline:
        stored: memoryview = inline[index]["storage"]
        return stored[:size]
    places = file.program["constant_segment"]
    start = places["offsets"][index]
    return file.segment(places["segment_index"])[start : start + size]
