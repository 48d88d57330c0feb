"""Which values need no memory of their own: results in the place of an operand, parts of others, rows that are used at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torchferry.cgen.emit.layers import Layer, stored
from torchferry.cgen.ir import Graph
from torchferry.cgen.values import Value

SHORTEST_PART = 16  # elements: the loop over a shorter part costs more than its memory

Life = tuple[int, int]  # the layers of a value's birth and of its last reading


@dataclass(frozen=True)
class Choice:
    """What a plan may do. Neither changes what is computed; which needs less memory depends on the graph."""

    in_parts: bool  # compute a result part by part, so that the loop after it writes in the place of another operand
    inside: bool  # let values lie where a concatenation or a slice would put them


@dataclass
class Sharing:
    """`same`: the value whose place another one has. `inside`: the value in whose place another one lies, from an element on.

    `parts`: results of which only the part that is being computed is kept. `placed`: what a layer's step need not copy, since it
    lies there already.
    """

    lives: dict[Value, Life]  # of the owners of places: as long as anything is stored there
    same: dict[Value, Value] = field(default_factory=dict)
    inside: dict[Value, tuple[Value, int]] = field(default_factory=dict)
    parts: dict[Value, int] = field(default_factory=dict)
    placed: dict[Layer, frozenset[Value]] = field(default_factory=dict)

    def owner(self, value: Value) -> Value:
        """Return the value whose place this one is stored in."""
        return self.same.get(value, value)


def share(graph: Graph, layers: tuple[Layer, ...], choice: Choice) -> Sharing:
    """Decide layer by layer. Values of the caller are never overwritten."""
    return _Sharer(graph, layers, choice).run()


def lifetimes(graph: Graph, layers: tuple[Layer, ...]) -> dict[Value, Life]:
    """Return, for each stored value, the layers of its birth and of its last reading."""
    lives = dict.fromkeys(stored(graph, layers), (0, 0))
    for index, layer in enumerate(layers):
        for node in layer.nodes:
            lives.update({value: (index, index) for value in node.outputs if value in lives})
        for value in layer.reads():
            if value in lives:
                lives[value] = (lives[value][0], index)
    return lives


class _Sharer:
    def __init__(self, graph: Graph, layers: tuple[Layer, ...], choice: Choice) -> None:
        self._caller = {*graph.inputs, *graph.outputs}
        self._inputs = set(graph.inputs)
        self._layers = layers
        self._choice = choice
        self._lives = lifetimes(graph, layers)
        self._found = Sharing(dict(self._lives))
        self._viewed = set[Value]()  # owners that other values lie in part of, and those: nobody else may write there

    def run(self) -> Sharing:
        for index, layer in enumerate(self._layers):
            viewed = self._view(layer)
            self._take_places(index, layer)
            if not viewed:
                self._lie_inside(index, layer)
        return self._found

    def _dies(self, value: Value, index: int) -> bool:
        """Whether nobody reads a value of the workspace after a layer."""
        return value in self._lives and value not in self._caller and self._lives[value][1] == index

    # ---- results in the place of an operand ----

    def _take_places(self, index: int, layer: Layer) -> None:
        results = [node.output for node in layer.maps if node.output in self._lives]
        operands = self._operands(index, layer)
        head = self._head(index, layer)
        if head is not None and not self._in_parts(layer, head, results, operands):
            kept = [value for value in results if value.dtype == head.dtype]
            if kept:
                self._found.same[head] = kept[-1]
                results.remove(kept[-1])
        for value in results:
            free = [operand for operand in operands if operand.dtype == value.dtype]
            if free and value not in self._caller:
                self._take(free[0], value)
                operands.remove(free[0])

    def _head(self, index: int, layer: Layer) -> Value | None:
        """Return the result of the layer's step that only the loop after it reads."""
        if layer.head is None or len(layer.head.outputs) != 1:
            return None
        value = layer.head.outputs[0]
        return value if self._dies(value, index) and value not in self._viewed else None

    def _operands(self, index: int, layer: Layer) -> list[Value]:
        """Return values of earlier layers that the loop reads element by element and nobody after it."""
        read = dict.fromkeys(value for node in layer.maps for value in node.inputs)
        made = set(layer.writes())
        return [
            value
            for value in read
            if value not in made
            and self._dies(value, index)
            and value.size == layer.size
            and self._found.owner(value) not in self._viewed
        ]

    def _in_parts(self, layer: Layer, head: Value, results: list[Value], operands: list[Value]) -> bool:
        """Keep only a part of the step's result at a time, where a result of the loop then finds a place that the step does not read."""
        size = layer.head.part if layer.head is not None else None
        read = set(layer.head.inputs) if layer.head is not None else set()
        free = {value.dtype for value in operands if value not in read}
        if not self._choice.in_parts or size is None or not SHORTEST_PART <= size < head.size:
            return False
        if not any(value.dtype in free and value not in self._caller for value in results):
            return False
        operands[:] = [value for value in operands if value not in read]
        self._found.parts[head] = size
        return True

    def _take(self, operand: Value, value: Value) -> None:
        owner = self._found.owner(operand)
        self._found.same[value] = owner
        birth, death = self._found.lives[owner]
        self._found.lives[owner] = (birth, max(death, self._lives[value][1]))

    # ---- copies that need not be made ----

    def _view(self, layer: Layer) -> bool:
        """Let a result that is one run of elements of another value lie there."""
        found = layer.head.run_of_input if layer.head is not None and self._choice.inside else None
        if layer.head is None or found is None:
            return False
        (source, start), value = found, layer.head.outputs[0]
        if value in self._caller or (source in self._caller and source not in self._inputs):
            return False
        self._found.inside[value] = (self._found.owner(source), start)
        self._viewed |= {value, self._found.owner(source)}
        self._found.placed[layer] = frozenset((source,))
        return True

    def _lie_inside(self, index: int, layer: Layer) -> None:
        """Let values that are read by a concatenation last lie in its result from the start."""
        if layer.head is None or not self._choice.inside or len(layer.head.outputs) != 1:
            return
        host = self._found.owner(layer.head.outputs[0])
        if host in self._caller:
            return
        read = {value for node in layer.maps for value in node.inputs}
        placed = []
        for value, start in layer.head.runs_of_output.items():
            owner = self._found.owner(value)
            if self._dies(value, index) and value not in read and owner not in self._found.inside and owner not in self._viewed:
                self._found.inside[owner] = (host, start)
                placed.append(value)
        self._found.placed[layer] = frozenset(placed)


def offset_in(inside: Mapping[Value, tuple[Value, int]], value: Value) -> tuple[Value, int]:
    """Return the outermost value in whose place another one lies, and from which element on."""
    start = 0
    while value in inside:
        value, more = inside[value]
        start += more
    return value, start
