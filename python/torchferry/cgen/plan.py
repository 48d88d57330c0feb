"""Where every value lives: in the caller's input or output, or in the workspace, whose parts are used again."""

from __future__ import annotations

from dataclasses import dataclass, field

from torchferry.cgen.ir import Graph, IntegerLinear, Linear, Value
from torchferry.cgen.kernels import choose
from torchferry.cgen.layers import Layer, stored

AREAS = {
    "integers": "int64_t",
    "floats": "float",
    "sums": "int32_t",
    "bytes": "uint8_t",
}  # workspace member -> C type, widest first
ELEMENT_BYTES = {"integers": 8, "floats": 4, "sums": 4, "bytes": 1}
KEPT_IN = {"float32": "floats", "uint8": "bytes", "int64": "integers", "bool": "integers"}  # dtype of a value -> its area


@dataclass(frozen=True)
class Place:
    """`area`: `input`, `output` or one of the workspace's `AREAS`; `offset` in its elements."""

    area: str
    offset: int = 0


@dataclass(frozen=True)
class Plan:
    """Places of all stored values; `same` names the value whose place another one shares; `sizes` of the areas in elements.

    `scratch`: the floats into which a layer copies its input, or its integer sums. `rows`: row numbers that a layer gathers.
    """

    places: dict[Value, Place]
    same: dict[Value, Value]
    scratch: dict[Layer, Place]
    sizes: dict[str, int]
    rows: int

    def owner(self, value: Value) -> Value:
        """The value whose place this one is stored in."""
        return self.same.get(value, value)


def plan(graph: Graph, layers: tuple[Layer, ...]) -> Plan:
    """First fit over lifetimes, in order of birth."""
    places = {value: Place("output") for value in graph.outputs} | {value: Place("input") for value in graph.inputs}
    lives = _lifetimes(graph, layers)
    same: dict[Value, Value] = {}
    scratch: dict[Layer, Place] = {}
    areas = {name: Area() for name in AREAS}
    for index, layer in enumerate(layers):
        for node in reversed(layer.nodes):
            value = node.output
            if value not in lives or value in places:
                continue
            shared = _shared(layer, value, lives)
            if shared is not None:
                same[value] = shared
                continue
            name = KEPT_IN[value.dtype]
            places[value] = Place(name, areas[name].take(value.size, index, lives[value][1]))
        name, size = _scratch(layer, graph)
        if size:
            scratch[layer] = Place(name, areas[name].take(size, index, index))
    return Plan(places, same, scratch, {name: area.size for name, area in areas.items()}, _gathered_rows(graph, layers))


def _gathered_rows(graph: Graph, layers: tuple[Layer, ...]) -> int:
    heads = [layer.head for layer in layers if isinstance(layer.head, Linear)]
    return max((-(-head.inputs // 4) * 4 for head in heads if choose(head, graph).gather), default=0)


def _lifetimes(graph: Graph, layers: tuple[Layer, ...]) -> dict[Value, tuple[int, int]]:
    """Stored value -> the layers of its birth and of its last reading."""
    lives = dict.fromkeys(stored(graph, layers), (0, 0))
    for index, layer in enumerate(layers):
        for node in layer.nodes:
            if node.output in lives:
                lives[node.output] = (index, index)
        for value in layer.reads():
            if value in lives:
                lives[value] = (lives[value][0], index)
    return lives


def _shared(layer: Layer, value: Value, lives: dict[Value, tuple[int, int]]) -> Value | None:
    """Where only the maps of its own layer read a head's result, one of their stored results takes its place."""
    if layer.head is None or value is not layer.head.output or lives[value][1] > lives[value][0]:
        return None
    others = [node.output for node in layer.maps if node.output in lives and node.output.dtype == value.dtype]
    return others[-1] if others else None


def _scratch(layer: Layer, graph: Graph) -> tuple[str, int]:
    """Memory that a product needs beside its result: a float copy of inputs that are bytes or that it gathers, or its sums."""
    head = layer.head
    if isinstance(head, IntegerLinear):
        return "sums", head.outputs
    if isinstance(head, Linear) and (head.x.dtype != "float32" or choose(head, graph).gather):
        return "floats", head.inputs
    return "floats", 0


@dataclass
class Area:
    """Part of the workspace: (start, length, first layer, last layer) of everything in it."""

    busy: list[tuple[int, int, int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Elements in all."""
        return max((start + length for start, length, _, _ in self.busy), default=0)

    def take(self, size: int, birth: int, death: int) -> int:
        """The lowest offset that is free from `birth` to `death`; in units of 16 elements, a cache line of floats."""
        length = -(-size // 16) * 16
        offset = 0
        for start, end in sorted((start, start + taken) for start, taken, b, d in self.busy if b <= death and birth <= d):
            if offset + length <= start:
                break
            offset = max(offset, end)
        self.busy.append((offset, length, birth, death))
        return offset
