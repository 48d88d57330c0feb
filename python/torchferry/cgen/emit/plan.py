"""Where every value lives: in the caller's input or output, or in the workspace, whose bytes are used again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from typing_extensions import assert_never

from torchferry.cgen.emit.arena import Block, Room, arrange, end, needed
from torchferry.cgen.emit.layers import Layer
from torchferry.cgen.emit.sharing import Choice, Sharing, offset_in, share
from torchferry.cgen.ir import Graph
from torchferry.cgen.target import Area, Scratch
from torchferry.cgen.values import DType, Value

AREAS: tuple[Area, ...] = ("integers", "floats", "sums", "shorts", "bytes")  # members of the workspace in their order
SMALLEST = 8  # bytes of a workspace that nothing needs


def area_of(dtype: DType) -> Area:
    """Return the member of the workspace that keeps values of a dtype."""
    match dtype:
        case "float32":
            return "floats"
        case "uint8":
            return "bytes"
        case "int16":
            return "shorts"
        case "int64" | "int32" | "int8" | "bool":
            return "integers"
        case _:
            assert_never(dtype)


def element_type(area: Area) -> str:
    """Return the C type of an element of an area."""
    match area:
        case "integers":
            return "int64_t"
        case "floats":
            return "float"
        case "sums":
            return "int32_t"
        case "shorts":
            return "int16_t"
        case "bytes":
            return "uint8_t"
        case _:
            assert_never(area)


def element_bytes(area: Area) -> int:
    """Return the size of an element of an area."""
    match area:
        case "integers":
            return 8
        case "floats" | "sums":
            return 4
        case "shorts":
            return 2
        case "bytes":
            return 1
        case _:
            assert_never(area)


@dataclass(frozen=True)
class Place:
    """`area`: the caller's `input` or `output`, or a member of the workspace; `offset` in its elements.

    `of`: the value of the caller, where it is one or a part of one.
    """

    area: Area | Literal["input", "output"]
    offset: int = 0
    of: Value | None = None


@dataclass(frozen=True)
class Plan:
    """Places of all stored values, and `bytes` of the workspace.

    `same` names the value whose place another one shares; `parts` has the elements of those step results of which one part after
    the other is kept; `placed` what the step of a layer need not copy. `scratch`: what the step of each layer needs beside values,
    in its order. `areas` are the members of the workspace, `largest` the layer that decides its size.
    """

    places: Mapping[Value, Place]
    same: Mapping[Value, Value]
    parts: Mapping[Value, int]
    placed: Mapping[Layer, frozenset[Value]]
    scratch: Mapping[Layer, tuple[tuple[Scratch, Place], ...]]
    areas: tuple[Area, ...]
    bytes: int
    largest: int

    def owner(self, value: Value) -> Value:
        """Return the value whose place this one is stored in."""
        return self.same.get(value, value)


def plan(graph: Graph, layers: tuple[Layer, ...]) -> Plan:
    """Place every stored value. Of all choices the one with the least memory counts; of equal ones that with the fewest copies."""
    choices = [Choice(in_parts, inside) for in_parts, inside in product((False, True), (True, False))]
    return min((_Planner(graph, layers, share(graph, layers, choice)).plan() for choice in choices), key=lambda made: made.bytes)


class _Planner:
    """Turns decisions into places: `_hosted` are the values that lie in each value which lies in none, and from which element on."""

    def __init__(self, graph: Graph, layers: tuple[Layer, ...], sharing: Sharing) -> None:
        self._layers = layers
        self._sharing = sharing
        self._caller = {value: Place("output", 0, value) for value in graph.outputs}
        self._caller |= {value: Place("input", 0, value) for value in graph.inputs}
        self._hosted: dict[Value, list[tuple[Value, int]]] = {}
        for value in sharing.lives:
            if value not in sharing.same and value not in self._caller:
                host, start = offset_in(sharing.inside, value)
                self._hosted.setdefault(host, []).append((value, start))

    def plan(self) -> Plan:
        hosts = [host for host in self._hosted if host not in self._caller]
        needs = [(layer, need, index) for index, layer in enumerate(self._layers) for need in _scratch(layer)]
        blocks = [self._block(self._hosted[host]) for host in hosts]
        blocks += [(Room(0, need.size * element_bytes(need.area), index, index),) for _, need, index in needs]
        starts = arrange(blocks)
        places = self._places(dict(zip(hosts, starts, strict=False)))
        scratch: dict[Layer, tuple[tuple[Scratch, Place], ...]] = dict.fromkeys(self._layers, ())
        for (layer, need, _), start in zip(needs, starts[len(hosts) :], strict=True):
            scratch[layer] += ((need, Place(need.area, start // element_bytes(need.area))),)
        used = {place.area for place in (*places.values(), *(at for found in scratch.values() for _, at in found))}
        areas = tuple(area for area in AREAS if area in used)
        widest = max((element_bytes(area) for area in areas), default=SMALLEST)
        size = -(-max(end(blocks, starts), SMALLEST) // widest) * widest
        same, parts, placed = self._sharing.same, self._sharing.parts, self._sharing.placed
        return Plan(places, same, parts, placed, scratch, areas, size, _first_of_largest(needed(blocks)))

    def _places(self, starts: Mapping[Value, int]) -> dict[Value, Place]:
        """Return the place of every value that has one; `starts` are the first bytes of those that lie in no other."""
        places = dict(self._caller)
        for host, members in self._hosted.items():
            for value, offset in members:
                if host in self._caller:
                    places[value] = Place("input", offset, host)
                else:
                    area = area_of(value.dtype)
                    places[value] = Place(area, starts[host] // element_bytes(area) + offset)
        return places

    def _block(self, members: Sequence[tuple[Value, int]]) -> Block:
        """Return the rooms of values that lie in one of them, each from an element on."""
        rooms = []
        for value, start in members:
            width = element_bytes(area_of(value.dtype))
            size = self._sharing.parts.get(value, value.size)
            rooms.append(Room(start * width, size * width, *self._sharing.lives[value]))
        return tuple(rooms)


def _scratch(layer: Layer) -> tuple[Scratch, ...]:
    return layer.head.scratch() if layer.head is not None else ()


def _first_of_largest(numbers: Sequence[int]) -> int:
    return max(range(len(numbers)), key=lambda index: numbers[index], default=0)
