"""Scales and shifts disappear into the products beside them, dead nodes disappear, products learn what they read.

Folding is done in float64 and rounded once, so a folded weight is as exact as an unfolded one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from torchferry.cgen.affine import IDENTITY, Affine
from torchferry.cgen.ir import Graph, Map, Node, Step
from torchferry.cgen.values import Value


def drop_dead(graph: Graph) -> Graph:
    """Return the graph without nodes whose results nobody reads."""
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return replace(graph, nodes=tuple(reversed(kept)))


def fold_after(graph: Graph) -> Graph:
    """Join a step and the scales and shifts after it (an eval-mode batch norm, say) where the step can take them in."""
    uses, readers = graph.uses(), graph.readers()
    nodes, gone = list(graph.nodes), set[Node]()
    for index, node in enumerate(graph.nodes):
        if not isinstance(node, Step) or len(node.outputs) != 1:
            continue
        chain = _chain_after(node.outputs[0], uses, readers, graph)
        affine = affine_of(chain)
        joined = node.followed_by(affine, chain[-1].output) if chain and affine is not None else None
        if joined is not None:
            nodes[index] = joined
            gone.update(chain)
    return replace(graph, nodes=tuple(node for node in nodes if node not in gone))


def _chain_after(value: Value, uses: dict[Value, int], readers: dict[Value, list[Node]], graph: Graph) -> list[Map]:
    """Return the longest run of scales and shifts that starts at `value`, each result read once."""
    chain: list[Map] = []
    while uses.get(value) == 1 and value not in graph.outputs:
        node = readers[value][0]
        if not isinstance(node, Map) or node.continues(IDENTITY) is None or node.output.size != value.size:
            break
        chain.append(node)
        value = node.output
    return chain


def affine_of(chain: list[Map]) -> Affine | None:
    """Return the scale and shift that a run of nodes comes to; None where one of them is none."""
    affine: Affine | None = IDENTITY
    with np.errstate(all="ignore"):
        for node in chain:
            affine = node.continues(affine) if affine is not None else None
    return affine


def fold_before(graph: Graph) -> Graph:
    """Join the scales and shifts before a step and the step where it can take them in."""
    uses, producer = graph.uses(), graph.producer()
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += _pulled(node, uses, producer) if isinstance(node, Step) and node.inputs else [node]
    return drop_dead(replace(graph, nodes=tuple(nodes)))


def _pulled(step: Step, uses: dict[Value, int], producer: dict[Value, Node]) -> list[Node]:
    chain: list[Map] = []
    value = step.inputs[0]
    while uses[value] == 1:  # by what follows alone, since an output counts as read
        node = producer.get(value)
        if not isinstance(node, Map) or node.continues(IDENTITY) is None or node.inputs[0].size != value.size:
            break
        chain.insert(0, node)
        value = node.inputs[0]
    affine = affine_of(chain)
    if not chain or affine is None:
        return [step]
    return list(step.preceded_by(value, affine) or (step,))


def read_bytes(graph: Graph) -> Graph:
    """Let a step that can read the caller's bytes itself do so, instead of a converted copy."""
    producer = graph.producer()

    def reading(node: Node) -> Node:
        if not isinstance(node, Step) or not node.takes_bytes:
            return node
        made = producer.get(node.inputs[0])
        return node.reading(made.inputs[0]) if made is not None and _converts_input(made, graph) else node

    return drop_dead(replace(graph, nodes=tuple(reading(node) for node in graph.nodes)))


def _converts_input(node: Node, graph: Graph) -> bool:
    """Tell whether the node gives the caller's bytes in float32."""
    return (
        isinstance(node, Map)
        and node.function.widens
        and node.output.dtype == "float32"
        and node.inputs[0].dtype == "uint8"
        and node.inputs[0] in graph.inputs
    )


def mark_zeros(graph: Graph) -> Graph:
    """Tell each step which values may have many zeros: what the caller gives, and what functions such as ReLU make."""
    made = [
        node.output
        for node in graph.nodes
        if isinstance(node, Map) and (node.function.makes_zeros or _converts_input(node, graph))
    ]
    often_zero = frozenset((*graph.inputs, *made))
    nodes = (node.knowing_zeros(often_zero) if isinstance(node, Step) else node for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def join_functions(graph: Graph) -> Graph:
    """Let a step that can do so compute the elementwise function that alone reads its output, before it stores that."""
    uses, readers = graph.uses(), graph.readers()
    nodes, gone = list(graph.nodes), set[Node]()
    for index, node in enumerate(graph.nodes):
        if isinstance(node, Step) and len(node.outputs) == 1 and uses.get(node.outputs[0]) == 1:
            after = readers.get(node.outputs[0], [None])[0]
            joined = node.finished_by(after) if isinstance(after, Map) and after.output.size == node.outputs[0].size else None
            if joined is not None and after is not None:
                nodes[index] = joined
                gone.add(after)
    return replace(graph, nodes=tuple(node for node in nodes if node not in gone))
