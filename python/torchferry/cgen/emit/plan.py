"""Where every value lives: in the caller's input or output, or in the workspace, whose parts are used again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import assert_never

from torchferry.cgen.emit.layers import Layer, stored
from torchferry.cgen.ir import Graph
from torchferry.cgen.target import Area, Scratch
from torchferry.cgen.values import DType, Value

AREAS: tuple[Area, ...] = ("integers", "floats", "sums", "bytes", "rows")  # members of the workspace in their order
NARROW_ROWS = 1 << 16


def area_of(dtype: DType) -> Area:
    """Return the part of the workspace that keeps values of a dtype."""
    match dtype:
        case "float32":
            return "floats"
        case "uint8":
            return "bytes"
        case "int64" | "int32" | "int16" | "int8" | "bool":
            return "integers"
        case _:
            assert_never(dtype)


@dataclass(frozen=True)
class Place:
    """`area`: the caller's `input` or `output`, or a part of the workspace; `offset` in its elements."""

    area: Area | Literal["input", "output"]
    offset: int = 0


@dataclass(frozen=True)
class Plan:
    """Places of all stored values; `same` names the value whose place another one shares; `sizes` of the areas in elements.

    `scratch`: what the step of each layer needs beside values, in its order.
    """

    places: dict[Value, Place]
    same: dict[Value, Value]
    scratch: dict[Layer, tuple[tuple[Scratch, Place], ...]]
    sizes: dict[Area, int]

    @property
    def row_bits(self) -> int:
        """Width of a row number."""
        return 16 if self.sizes["rows"] <= NARROW_ROWS else 32

    def element_type(self, area: Area) -> str:
        """Return the C type of an element of an area."""
        match area:
            case "integers":
                return "int64_t"
            case "floats":
                return "float"
            case "sums":
                return "int32_t"
            case "bytes":
                return "uint8_t"
            case "rows":
                return f"uint{self.row_bits}_t"
            case _:
                assert_never(area)

    def element_bytes(self, area: Area) -> int:
        """Return the size of an element of an area."""
        match area:
            case "integers":
                return 8
            case "floats" | "sums":
                return 4
            case "bytes":
                return 1
            case "rows":
                return self.row_bits // 8
            case _:
                assert_never(area)

    def owner(self, value: Value) -> Value:
        """Return the value whose place this one is stored in."""
        return self.same.get(value, value)


def plan(graph: Graph, layers: tuple[Layer, ...]) -> Plan:
    """Place each stored value at the first place that fits its lifetime, in order of birth."""
    places: dict[Value, Place] = {value: Place("output") for value in graph.outputs} | {
        value: Place("input") for value in graph.inputs
    }
    lives = _lifetimes(graph, layers)
    same: dict[Value, Value] = {}
    scratch: dict[Layer, tuple[tuple[Scratch, Place], ...]] = {}
    free = {area: _Free() for area in AREAS}
    for index, layer in enumerate(layers):
        for value in (value for node in reversed(layer.nodes) for value in node.outputs):
            if value not in lives or value in places:
                continue
            shared = _shared(layer, value, lives)
            if shared is not None:
                same[value] = shared
                continue
            area = area_of(value.dtype)
            places[value] = Place(area, free[area].take(value.size, index, lives[value][1]))
        needed = layer.head.scratch() if layer.head is not None else ()
        scratch[layer] = tuple((need, Place(need.area, free[need.area].take(need.size, index, index))) for need in needed)
    return Plan(places, same, scratch, {area: free[area].size for area in AREAS})


def _lifetimes(graph: Graph, layers: tuple[Layer, ...]) -> dict[Value, tuple[int, int]]:
    """Return, for each stored value, the layers of its birth and of its last reading."""
    lives = dict.fromkeys(stored(graph, layers), (0, 0))
    for index, layer in enumerate(layers):
        for node in layer.nodes:
            lives.update({value: (index, index) for value in node.outputs if value in lives})
        for value in layer.reads():
            if value in lives:
                lives[value] = (lives[value][0], index)
    return lives


def _shared(layer: Layer, value: Value, lives: dict[Value, tuple[int, int]]) -> Value | None:
    """Return the stored result that takes the place of a head's result which only the maps of its own layer read."""
    if layer.head is None or layer.head.outputs != (value,) or lives[value][1] > lives[value][0]:
        return None
    others = [node.output for node in layer.maps if node.output in lives and node.output.dtype == value.dtype]
    return others[-1] if others else None


@dataclass
class _Free:
    """An area while it is planned: (start, length, first layer, last layer) of everything in it."""

    busy: list[tuple[int, int, int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Elements in all."""
        return max((start + length for start, length, _, _ in self.busy), default=0)

    def take(self, size: int, birth: int, death: int) -> int:
        """Return the lowest offset that is free from `birth` to `death`; in units of 16 elements, a cache line of floats."""
        length = -(-size // 16) * 16
        offset = 0
        for start, end in sorted((start, start + taken) for start, taken, b, d in self.busy if b <= death and birth <= d):
            if offset + length <= start:
                break
            offset = max(offset, end)
        self.busy.append((offset, length, birth, death))
        return offset
