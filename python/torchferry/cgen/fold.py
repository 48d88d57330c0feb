"""Passes over the graph: scales and shifts disappear into the matrix products beside them, dead nodes disappear.

Folding is done in float64 and rounded once, so a folded weight is as exact as an unfolded one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from torchferry.cgen.elementwise import AFFINE
from torchferry.cgen.ir import Constant, Doubles, Graph, Linear, Map, Node, Value

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max)


def fold(graph: Graph) -> Graph:
    """All passes."""
    return read_bytes(fold_before_linear(fold_after_linear(drop_dead(graph))))


def read_bytes(graph: Graph) -> Graph:
    """A product of the caller's bytes reads them itself instead of a converted copy."""
    producer = graph.producer()

    def source(node: Linear) -> Value:
        made = producer.get(node.x)
        if isinstance(made, Map) and made.operator == "float" and made.values[0] in graph.inputs:
            return made.values[0]
        return node.x

    nodes = tuple(replace(node, x=source(node)) if isinstance(node, Linear) else node for node in graph.nodes)
    return drop_dead(replace(graph, nodes=nodes))


def drop_dead(graph: Graph) -> Graph:
    """Without nodes whose result nobody reads."""
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.output in needed:
            kept.append(node)
            needed.update(node.values)
    return replace(graph, nodes=tuple(reversed(kept)))


@dataclass(frozen=True)
class Affine:
    """y = scale x + shift, elementwise; each () or [size]."""

    scale: Doubles
    shift: Doubles

    def then(self, node: Map) -> Affine | None:
        """This, followed by one add, sub, mul or div with a constant; None where the node is something else."""
        first, second = node.operands
        if isinstance(first, Constant) and isinstance(second, Value):
            return self._reversed(node.operator, first.array)
        return self._forward(node.operator, second.array) if isinstance(second, Constant) else None

    def _forward(self, operator: str, c: Doubles) -> Affine:
        if operator == "mul":
            return Affine(self.scale * c, self.shift * c)
        if operator == "div":
            return Affine(self.scale / c, self.shift / c)
        return Affine(self.scale, self.shift + c if operator == "add" else self.shift - c)

    def _reversed(self, operator: str, c: Doubles) -> Affine | None:
        """C op x instead of x op c."""
        if operator == "div":
            return None
        if operator == "sub":
            return Affine(-self.scale, c - self.shift)
        return self._forward(operator, c)


IDENTITY = Affine(np.ones(()), np.zeros(()))


def _affine_chain(chain: list[Map]) -> Affine | None:
    affine: Affine | None = IDENTITY
    with np.errstate(all="ignore"):
        for node in chain:
            affine = affine.then(node) if affine is not None else None
    return affine


def fold_after_linear(graph: Graph) -> Graph:
    """Linear, then scales and shifts (an eval-mode batch norm, say) -> one Linear."""
    uses, readers = graph.uses(), _readers(graph)
    nodes, gone = list(graph.nodes), set[Node]()
    for index, node in enumerate(graph.nodes):
        if not isinstance(node, Linear):
            continue
        chain = _chain_after(node.output, uses, readers, graph)
        affine = _affine_chain(chain)
        folded = _scaled_rows(node, affine) if chain and affine is not None else None
        if folded is not None:
            nodes[index] = replace(folded, output=chain[-1].output)
            gone.update(chain)
    return replace(graph, nodes=tuple(node for node in nodes if node not in gone))


def _readers(graph: Graph) -> dict[Value, list[Node]]:
    readers: dict[Value, list[Node]] = {}
    for node in graph.nodes:
        for value in node.values:
            readers.setdefault(value, []).append(node)
    return readers


def _chain_after(value: Value, uses: dict[Value, int], readers: dict[Value, list[Node]], graph: Graph) -> list[Map]:
    """The longest run of affine maps with a constant that starts at `value`, each result read once."""
    chain: list[Map] = []
    while uses.get(value) == 1 and value not in graph.outputs:
        node = readers[value][0]
        if not _is_affine(node) or node.output.size != value.size:
            break
        assert isinstance(node, Map)
        chain.append(node)
        value = node.output
    return chain


def _is_affine(node: Node) -> bool:
    return (
        isinstance(node, Map)
        and node.operator in AFFINE
        and node.output.dtype == "float32"
        and len(node.values) == 1
        and not (node.operator == "div" and isinstance(node.operands[0], Constant))
    )


def _scaled_rows(linear: Linear, affine: Affine) -> Linear | None:
    """scale (W x + b) + shift as one Linear; None where it would leave float32 or differ from row to row of x."""
    scale, shift = per_column(affine.scale, linear.rows, linear.outputs), per_column(affine.shift, linear.rows, linear.outputs)
    if scale is None or shift is None:
        return None
    weight, bias = linear.weight * scale[:, None], linear.bias * scale + shift
    return replace(linear, weight=weight, bias=bias) if _fits(weight, bias) else None


def per_column(array: Doubles, rows: int, columns: int) -> Doubles | None:
    """One number per column, where every row has the same."""
    if array.ndim == 0:
        return np.full(columns, float(array))
    table = array.reshape(rows, columns)
    return table[0] if bool((table == table[0]).all()) else None


def _fits(*arrays: Doubles) -> bool:
    """Would float32 hold these without overflow or loss to subnormals?"""
    sizes = [np.abs(array[array != 0]) for array in arrays]
    return all(
        bool(np.isfinite(size).all()) and bool((size >= SMALLEST_NORMAL).all() and (size <= LARGEST).all()) for size in sizes
    )


def fold_before_linear(graph: Graph) -> Graph:
    """Scales and shifts, then Linear -> at most one subtraction, then Linear.

    The scale moves into the weights. The shift does not: W (x - mean) computed as W x - W mean would cancel.
    """
    uses, producer = graph.uses(), graph.producer()
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += _pulled(node, uses, producer, graph) if isinstance(node, Linear) else [node]
    return drop_dead(replace(graph, nodes=tuple(nodes)))


def _pulled(linear: Linear, uses: dict[Value, int], producer: dict[Value, Node], graph: Graph) -> list[Node]:
    chain: list[Map] = []
    value = linear.x
    while value in producer and uses[value] == 1 and value not in graph.outputs and _is_affine(producer[value]):
        node = producer[value]
        assert isinstance(node, Map)
        if node.values[0].size != value.size:
            break
        chain.insert(0, node)
        value = node.values[0]
    affine = _affine_chain(chain)
    if not chain or affine is None:
        return [linear]
    return _with_scaled_columns(linear, value, affine) or [linear]


def _with_scaled_columns(linear: Linear, x: Value, affine: Affine) -> list[Node] | None:
    scale = per_column(affine.scale, linear.rows, linear.inputs)
    with np.errstate(all="ignore"):
        centre = -affine.shift / affine.scale
    if scale is None or not _fits(scale) or not (scale != 0).all() or not _fits(centre):
        return None
    weight = linear.weight * scale
    if not _fits(weight):
        return None
    if not centre.any():
        return [replace(linear, x=x, weight=weight)]
    centred = Value(f"{x.name}_centred", x.shape, "float32")
    return [Map("sub", (x, Constant(np.asarray(centre))), centred, linear.label), replace(linear, x=centred, weight=weight)]
