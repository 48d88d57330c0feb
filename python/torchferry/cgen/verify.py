"""What holds of every graph: checked after capture and after each pass, so that a broken pass is named by its own result."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torchferry.cgen.ir import Graph, Map, Node
from torchferry.cgen.values import DTYPES, Value
from torchferry.errors import ExitCode, FerryError


def verify(graph: Graph, after: str) -> Graph:
    """Return the graph itself. Raises FerryError(INTERNAL) with its first problem; `after` names the pass that gave it."""
    for problem in _problems(graph):
        raise FerryError(
            ExitCode.INTERNAL, f"c: pass {after}: got a graph with {problem}; this is a fault of torchferry: report it"
        )
    return graph


def _problems(graph: Graph) -> Iterator[str]:
    defined: set[Value] = set()
    for value in graph.inputs:
        yield from _value_problems(value, defined, "the caller")
    for node in graph.nodes:
        where = _name(node)
        for value in node.inputs:
            if value not in defined:
                yield f"{where}: {value.name}: read before it is defined"
        yield from (f"{where}: {problem}" for problem in node.problems())
        for value in node.outputs:
            yield from _value_problems(value, defined, where)
    yield from _output_problems(graph, defined)


def _name(node: Node) -> str:
    kind = node.function.name if isinstance(node, Map) else type(node).__name__
    return f"{node.label} ({kind})" if node.label else kind


def _value_problems(value: Value, defined: set[Value], where: str) -> Iterator[str]:
    """Yield what is wrong with a value that is written; it is then defined."""
    if value in defined:
        yield f"{where}: {value.name}: written twice"
    if value.dtype not in DTYPES:
        yield f"{where}: {value.name}: dtype {value.dtype}"
    if any(dim <= 0 for dim in value.shape):
        yield f"{where}: {value.name}: shape {list(value.shape)}"
    defined.add(value)


def _output_problems(graph: Graph, defined: set[Value]) -> Iterator[str]:
    if len(graph.outputs) != len(graph.shapes):
        yield f"{len(graph.outputs)} outputs in {len(graph.shapes)} shapes"
    for value, shape in zip(graph.outputs, graph.shapes, strict=False):
        if value not in defined:
            yield f"output {value.name}: never defined"
        if value.size != math.prod(shape):
            yield f"output {value.name}: {value.size} elements in shape {list(shape)}"
