"""A step over rows between a copy that brings them together and one that takes them back: over columns, where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from torchferry.cgen.index_map import IndexMap
from torchferry.cgen.ir import Graph, Node, Step
from torchferry.cgen.rows import RowsToRows
from torchferry.cgen.values import Integers, Value


def over_columns(graph: Graph) -> Graph:
    """Return the graph without such copies, whose rows are columns beside each other."""
    producer, readers = graph.producer(), graph.readers()
    found: dict[Node, Step] = {}
    gone: set[Node] = set()
    for node in graph.nodes:
        if not isinstance(node, RowsToRows):
            continue
        before, after = producer.get(node.x), _only(readers, graph, node.output)
        if not isinstance(before, IndexMap) or not isinstance(after, IndexMap) or _only(readers, graph, node.x) is not node:
            continue
        columns = _columns(node, before, after)
        if columns is not None:
            found[node] = columns
            gone |= {before, after}
    return replace(graph, nodes=tuple(found.get(node, node) for node in graph.nodes if node not in gone))


def _only(readers: Mapping[Value, list[Node]], graph: Graph, value: Value) -> Node | None:
    """Return the one node that reads a value; None where there are more, or the value is an output."""
    nodes = readers.get(value, [])
    return nodes[0] if len(nodes) == 1 and value not in graph.outputs else None


def _columns(node: RowsToRows, before: IndexMap, after: IndexMap) -> Step | None:
    """Return the step over columns that stands for all three; None where they are other copies, or it has no such form."""
    gathered, back, x = _places(before), _places(after), before.sources[0]
    if gathered is None or back is None or not isinstance(x, Value) or node.width == 1:
        return None
    inner = int(gathered[1] - gathered[0])
    if inner < 2 or node.x.size % (node.width * inner):
        return None
    expected = np.arange(node.x.size, dtype=np.int64).reshape(-1, node.width, inner).swapaxes(1, 2).ravel()
    if not np.array_equal(gathered, expected) or not np.array_equal(gathered[back], np.arange(len(back))):
        return None
    return node.over_columns(inner, x, after.output)


def _places(copy: IndexMap) -> Integers | None:
    """Return where each element of a copy stood in the one value that has as many; None for other copies."""
    source = copy.sources[0]
    if len(copy.pieces) != 1 or not isinstance(source, Value) or source.size != copy.output.size:
        return None
    places = np.full(copy.output.size, -1, np.int64)
    places[copy.pieces[0].targets] = copy.pieces[0].sources
    return places if len(copy.sources) == 1 and bool((places >= 0).all()) else None
