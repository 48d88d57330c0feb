"""Elementwise functions of one value that read it more than once, as x relu6(x + 3) / 6: one node, which of bytes is one table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torchferry.cgen.ir import Elementwise, Graph, Map
from torchferry.cgen.passes.fold import drop_dead
from torchferry.cgen.values import Constant, Operand, Value

MOST_NODES = 16  # their C is one expression, in which what is read twice stands twice


def join_functions_of_one(graph: Graph) -> Graph:
    """Return the graph with one node in place of each node that meets others on the way from one value."""
    finder = _Finder(graph)
    nodes = tuple(finder.joined(node) if isinstance(node, Map) else node for node in graph.nodes)
    return drop_dead(replace(graph, nodes=nodes))


class _Finder:
    """Finds what lies between a node and the one value that it is a function of; joined nodes stand for the old ones."""

    def __init__(self, graph: Graph) -> None:
        self._places = {node: place for place, node in enumerate(graph.nodes)}
        self._producer = graph.producer()

    def joined(self, last: Map) -> Map:
        """Return a node for `last` and what is between; `last` itself where it reads no value on two ways."""
        inside, root = [last], self._root(last)
        while root is None:
            latest = max(
                (value for node in inside for value in node.inputs if self._maker(value, inside)), key=self._place, default=None
            )
            if latest is None or len(inside) == MOST_NODES:
                return last
            inside.append(self._maker(latest, inside))  # type: ignore[arg-type]  # it has one
            root = self._root(*inside)
        return last if len(last.inputs) == 1 and len(inside) == 1 else _node(sorted(inside, key=self._places.__getitem__), root)

    def _place(self, value: Value) -> int:
        return self._places[self._producer[value]]

    def _maker(self, value: Value, inside: list[Map]) -> Map | None:
        """Return the node that gives a value, if it is a function of each element that is not inside yet; else None."""
        node = self._producer.get(value)
        return node if isinstance(node, Map) and node not in inside and _is_plain(node) else None

    def _root(self, *inside: Map) -> Value | None:
        """Return the one value that nodes read and do not give; None where there are more, or a node is no function of each element."""
        given = {node.output for node in inside}
        read = {value for node in inside for value in node.inputs} - given
        return read.pop() if len(read) == 1 and all(map(_is_plain, inside)) else None


def _is_plain(node: Map) -> bool:
    """Tell whether a node is the same function of every element. What compares may jump, and a table would move the jump."""
    constants = [operand for operand in node.operands if isinstance(operand, Constant)]
    alike = all(value.size == node.output.size and value.dtype == "float32" for value in node.inputs)
    return alike and node.output.dtype == "float32" and all(constant.array.ndim == 0 for constant in constants)


def _node(nodes: list[Map], root: Value) -> Map:
    """Return one node for nodes in their order; the last one gives its output."""
    constants = [operand for node in nodes for operand in node.operands if isinstance(operand, Constant)]
    texts: dict[Value, str] = {root: "{0}"}
    number = 0

    def text(operand: Operand) -> str:
        nonlocal number
        if isinstance(operand, Value):
            return texts[operand]
        number += 1
        return f"{{{number}}}"

    for node in nodes:
        texts[node.output] = f"({node.function.c.format(*map(text, node.operands))})"

    def compute(x: Any, *given: Any) -> Any:
        values, left = {root: x}, iter(given)
        for node in nodes:
            operands = [values[operand] if isinstance(operand, Value) else next(left) for operand in node.operands]
            values[node.output] = node.function.numpy(*operands)
        return values[nodes[-1].output]

    uses = tuple(dict.fromkeys(kernel for node in nodes for kernel in node.function.uses))
    name = ", ".join(node.function.name for node in nodes)
    return Map(Elementwise(name, texts[nodes[-1].output], compute, uses), (root, *constants), nodes[-1].output, nodes[-1].label)
