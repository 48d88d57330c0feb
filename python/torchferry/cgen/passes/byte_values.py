"""Which values of a float32 graph become bytes in its int8 form, and which of them must mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torchferry.cgen.ir import Graph, Map, Node, Step
from torchferry.cgen.scales import Range
from torchferry.cgen.values import Constant, Value


@dataclass(frozen=True)
class ByteValues:
    """The values that are bytes; `alike` has, for each that others must mean the same as, all of these."""

    values: frozenset[Value]
    alike: Mapping[Value, tuple[Value, ...]]

    @classmethod
    def of(cls, graph: Graph, *, outputs: bool = False) -> ByteValues:
        """Decide for the largest set of values: each is made by a node that can give bytes, and only nodes that can read them do.

        `outputs`: so is the caller, of float32 outputs.
        """
        values = _largest_set(graph, () if outputs else graph.outputs)
        return cls(values, _alike(graph, values))

    def range_of(self, value: Value, ranges: Mapping[Value, Range]) -> Range:
        """Return the range that the bytes of a value must hold."""
        found = ranges[value]
        for other in self.alike.get(value, ()):
            found = found.joined(ranges[other])
        return found


def _largest_set(graph: Graph, floats: tuple[Value, ...]) -> frozenset[Value]:
    """Leave out what cannot be bytes until nothing more follows from that."""
    readers = graph.readers()
    kept = {
        value
        for node in graph.nodes
        for value in _can_give(node)
        if value.dtype == "float32" and value not in floats and all(_can_read(reader) for reader in readers.get(value, ()))
    }
    while True:
        lost = {value for node in graph.nodes for value in _given_up(node, kept)}
        if not lost:
            return frozenset(kept)
        kept -= lost


def _can_give(node: Node) -> tuple[Value, ...]:
    """Return what a node can give as bytes: of a loop the steps, not the last state."""
    if isinstance(node, Step) and node.int8_form == "loop":
        return node.outputs[:1]
    return node.outputs if _can_read(node) else ()


def _can_read(node: Node) -> bool:
    return is_byte_function(node) or is_sum(node) if isinstance(node, Map) else node.int8_form not in ("loop", "none")


def _given_up(node: Node, kept: set[Value]) -> Iterable[Value]:
    """Return the values at a node that cannot be bytes, since others there are none."""
    around = {value for value in (*node.inputs, *node.outputs) if value.dtype == "float32"}
    if isinstance(node, Step) and node.int8_form in ("product", "loop", "none"):
        return ()
    if isinstance(node, Step) and node.int8_form == "total":
        return () if node.inputs[0] in kept else kept & set(node.outputs)
    return () if around <= kept else kept & around


def is_byte_function(node: Map) -> bool:
    """Tell whether a node is a function of one float32 value and numbers that hold for every element: of bytes it is a table."""
    constants = [operand for operand in node.operands if isinstance(operand, Constant)]
    one = len(node.inputs) == 1 and node.inputs[0].size == node.output.size and node.inputs[0].dtype == "float32"
    return one and node.output.dtype == "float32" and all(constant.array.ndim == 0 for constant in constants)


def is_sum(node: Map) -> bool:
    """Tell whether a node adds or subtracts two float32 values of one size."""
    values = [operand for operand in node.operands if isinstance(operand, Value) and operand.dtype == "float32"]
    whole = all(value.size == node.output.size for value in values)
    return bool(node.function.terms) and len(values) == len(node.operands) and whole and node.output.dtype == "float32"


def _alike(graph: Graph, values: frozenset[Value]) -> dict[Value, tuple[Value, ...]]:
    """Return the groups of values that nodes join which only move or pick bytes."""
    groups: dict[Value, tuple[Value, ...]] = {}
    for node in graph.nodes:
        if isinstance(node, Step) and node.int8_form == "same" and set(node.outputs) <= values:
            around = [value for value in (*node.inputs, *node.outputs) if value in values]
            joined = tuple(dict.fromkeys(other for value in around for other in groups.get(value, (value,))))
            groups.update(dict.fromkeys(joined, joined))
    return groups
