"""Which values of a float32 graph become bytes in its int8 form, and which of them must mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torchferry.cgen.ir import Graph, Map, Node, Step
from torchferry.cgen.passes.fixed_point import bytes_for
from torchferry.cgen.scales import Bytes, Range
from torchferry.cgen.values import Constant, Value


@dataclass(frozen=True)
class ByteValues:
    """The values that are bytes; `alike` has, for each that others must mean the same as, all of these.

    `grids`: what bytes of the values mean that the module itself rounds to a grid.
    """

    values: frozenset[Value]
    alike: Mapping[Value, tuple[Value, ...]]
    grids: Mapping[Value, Bytes]

    @classmethod
    def of(cls, graph: Graph, *, outputs: bool = False, floats: frozenset[Node] = frozenset()) -> ByteValues:
        """Decide for the largest set of values: each is made by a node that can give bytes, and only nodes that can read them do.

        `outputs`: so is the caller, of float32 outputs. `floats` are nodes that stay in float32.
        """
        values = _largest_set(graph, () if outputs else graph.outputs, floats)
        return cls(values, _alike(graph, values), grids_of(graph))

    def fixed(self, value: Value, ranges: Mapping[Value, Range]) -> Bytes | None:
        """Return what the bytes of a value must mean: their grid, or what they share with others. None: what its own range asks for."""
        group = self.alike.get(value, (value,))
        grids = {self.grids[other] for other in group if other in self.grids}
        if len(grids) == 1:
            return next(iter(grids))
        if len(group) == 1 and not grids:
            return None
        found = ranges[value]
        for other in group:
            found = found.joined(ranges[other])
        return bytes_for(found)


def sound_of(graph: Graph) -> frozenset[Value]:
    """Return the float32 values that are computed of an int16 input and of no product: what products read of them are int16.

    An int16 that is an index, or is compared, says nothing of how exact a value is.
    """
    found = {value for value in graph.inputs if value.dtype == "int16"}
    for node in graph.nodes:
        read = [value for value in node.inputs if value in found]
        if read and (isinstance(node, Map) or _passes_on(node, read)):
            found.update(value for value in node.outputs if value.dtype != "bool")
    return frozenset(value for value in found if value.dtype == "float32")


def _passes_on(step: Step, read: Sequence[Value]) -> bool:
    """Tell whether what a step gives is as exact as the values of sound that it reads."""
    is_float = all(value.dtype == "float32" for value in read)
    return step.int8_form == "same" or (is_float and step.int8_form not in ("product", "loop"))


def grids_of(graph: Graph) -> dict[Value, Bytes]:
    """Return what bytes mean for each value that the module rounds to a grid of at most 256 numbers."""
    found = {node.output: node.grid for node in graph.nodes if isinstance(node, Map)}
    return {value: grid for value, grid in found.items() if grid is not None}


def _largest_set(graph: Graph, floats: tuple[Value, ...], apart: frozenset[Node]) -> frozenset[Value]:
    """Leave out what cannot be bytes until nothing more follows from that."""
    readers = graph.readers()
    kept = {
        value
        for node in graph.nodes
        if node not in apart
        for value in _can_give(node)
        if value.dtype == "float32" and value not in floats and _all_read(readers.get(value, ()), apart)
    }
    while True:
        lost = {value for node in graph.nodes for value in _given_up(node, kept)}
        if not lost:
            return frozenset(kept)
        kept -= lost


def _all_read(readers: Sequence[Node], apart: frozenset[Node]) -> bool:
    """Tell whether all that read a value can read bytes. What is rounded to a grid and read by others too is rounded once, from floats."""
    grids = {reader.grid if isinstance(reader, Map) else None for reader in readers}
    return all(_can_read(reader) and reader not in apart for reader in readers) and (len(grids) < 2 or grids == {None})


def _can_give(node: Node) -> tuple[Value, ...]:
    """Return what a node can give as bytes: of a loop the steps, not the last state."""
    if isinstance(node, Step) and node.int8_form == "loop":
        return node.outputs[:1]
    return node.outputs if _can_read(node) else ()


def _can_read(node: Node) -> bool:
    return is_byte_function(node) or is_sum(node) if isinstance(node, Map) else node.int8_form not in ("loop", "none")


def _given_up(node: Node, kept: set[Value]) -> Iterable[Value]:
    """Return the values at a node that cannot be bytes, since others there are none."""
    if isinstance(node, Map) and node.grid is not None:
        return () if node.output in kept else kept & set(node.inputs)
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
