"""Nodes -> layers: a layer is one printed function, a step with the elementwise functions that follow it."""

from __future__ import annotations

from dataclasses import dataclass

from torchferry.cgen.ir import Graph, Map, Node, Step
from torchferry.cgen.values import Value


@dataclass(frozen=True, eq=False)
class Layer:
    """`head` runs first, if any; then `maps` as one loop over `size` elements."""

    head: Step | None
    maps: tuple[Map, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes in order."""
        return (*((self.head,) if self.head is not None else ()), *self.maps)

    @property
    def size(self) -> int:
        """Elements of the loop over the maps."""
        return self.maps[0].output.size

    @property
    def label(self) -> str:
        """The path of the user's module."""
        return self.nodes[0].label

    def reads(self) -> list[Value]:
        """Return the values that earlier layers or the caller made."""
        own = set(self.writes())
        return list(dict.fromkeys(value for node in self.nodes for value in node.inputs if value not in own))

    def writes(self) -> list[Value]:
        """Return every value that the nodes of the layer compute, also those that are never stored."""
        return [value for node in self.nodes for value in node.outputs]


def group(graph: Graph) -> tuple[Layer, ...]:
    """Group nodes: a map joins the layer before it where it has the same size and reads something of it."""
    groups: list[list[Node]] = []
    for node in graph.nodes:
        if groups and isinstance(node, Map) and _joins(node, groups[-1]):
            groups[-1].append(node)
        else:
            groups.append([node])
    return tuple(_layer(nodes) for nodes in groups)


def _joins(node: Map, nodes: list[Node]) -> bool:
    made = [value for other in nodes for value in other.outputs]
    return node.output.size == made[-1].size and any(value in made for value in node.inputs)


def _layer(nodes: list[Node]) -> Layer:
    head = nodes[0] if isinstance(nodes[0], Step) else None
    return Layer(head, tuple(node for node in nodes if isinstance(node, Map)))


def stored(graph: Graph, layers: tuple[Layer, ...]) -> list[Value]:
    """Return the values that need memory: results of heads, outputs, and what a later layer reads. The others live in one loop."""
    kept = dict.fromkeys(graph.outputs)
    for layer in layers:
        kept.update(dict.fromkeys(layer.reads()))
        if layer.head is not None:
            kept.update(dict.fromkeys(layer.head.outputs))
    made = graph.producer()
    return [value for value in kept if value in made]
