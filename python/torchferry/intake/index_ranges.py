"""Ranges that a module itself demands: an input that picks rows of a table must be an index into it.

Engines differ beyond the table (ONNX counts -1 from its end, torch refuses it), so the contract says the range, and none is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch.export import ExportedProgram
from torch.fx import Node

from torchferry.bundle.contract import Contract
from torchferry.errors import FerryError
from torchferry.intake.source import ExportSource
from torchferry.intake.stress import INDICES

# Operators after which every element still stands, and no other.
_SAME_VALUES = frozenset(
    {"view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten", "transpose", "t", "permute", "expand"}
    | {"contiguous", "clone", "alias", "to", "_to_copy"}
)


def index_ranges(program: ExportedProgram, contract: Contract) -> dict[str, tuple[int, int]]:
    """Return the least and the largest index that every look-up takes, by input: integers without a range in the contract."""
    inputs = program.graph_signature.user_inputs
    wanted = {
        str(name): spec.name
        for name, spec in zip(inputs, contract.inputs, strict=True)
        if spec.dtype in INDICES and spec.range is None
    }
    origins = _origins(program, wanted)
    found: dict[str, tuple[int, int]] = {}
    for node in program.graph.nodes:
        for index, low, high in _looked_up(node):
            if index in origins:
                known = found.get(origins[index], (low, high))
                found[origins[index]] = (max(low, known[0]), min(high, known[1]))
    return {name: (low, high) for name, (low, high) in found.items() if low <= high}


def with_index_ranges(source: ExportSource, note: Callable[[str], None]) -> ExportSource:
    """Return the source with the ranges that its module demands in the contract, each of them noted; without a program as it is."""
    try:
        ranges = index_ranges(source.program, source.contract)
    except FerryError:
        return source
    for name, (low, high) in ranges.items():
        note(f"input {name}: the contract gets the range {low} to {high}: it is an index into a table of the module")
    inputs = tuple(spec.model_copy(update={"range": ranges.get(spec.name, spec.range)}) for spec in source.contract.inputs)
    return source.with_contract(source.contract.model_copy(update={"inputs": inputs}))


def _origins(program: ExportedProgram, wanted: dict[str, str]) -> dict[Node, str]:
    """Return the nodes that hold exactly the values of an input, with its name; of no input into which the module writes."""
    origins: dict[Node, str] = {}
    written: set[str] = set()
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in wanted:
            origins[node] = wanted[node.name]
        elif node.op == "call_function" and node.args and node.args[0] in origins:
            if _name(node).endswith("_"):
                written.add(origins[node.args[0]])
            elif _name(node) in _SAME_VALUES and not _is_float(node):
                origins[node] = origins[node.args[0]]
    return {node: name for node, name in origins.items() if name not in written}


def _looked_up(node: Node) -> Iterator[tuple[Node, int, int]]:
    """Yield each index of a look-up, and the least and the largest that torch takes there, where the table's size is known."""
    if node.op != "call_function":
        return
    match _name(node), node.args:
        case "embedding", (Node() as table, Node() as index, *_):
            yield from _within(table, 0, index, from_end=False)
        case "index_select" | "gather", (Node() as table, int() as dim, Node() as index, *_):
            yield from _within(table, dim, index, from_end=False)
        case "index", (Node() as table, [*indices], *_):
            for axis, entry in enumerate(indices):
                if isinstance(entry, Node):
                    yield from _within(table, axis, entry, from_end=True)


def _within(table: Node, dim: int, index: Node, *, from_end: bool) -> Iterator[tuple[Node, int, int]]:
    """Yield an index into one dim of the table; `from_end`: -1 is its last row."""
    value = table.meta.get("val")
    if isinstance(value, torch.Tensor) and value.ndim and isinstance(size := value.shape[dim], int):
        yield index, -size if from_end else 0, size - 1


def _name(node: Node) -> str:
    return getattr(getattr(node.target, "overloadpacket", node.target), "__name__", "")


def _is_float(node: Node) -> bool:
    value = node.meta.get("val")
    return not isinstance(value, torch.Tensor) or value.dtype.is_floating_point
