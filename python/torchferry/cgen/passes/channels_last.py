"""Images with their channels last inside a graph, so that the channels of a pixel lie side by side as vectors have them.

What the caller gives and gets keeps its order. Values that elementwise functions join get the same order; a step says by
`with_channels_last` which of its values it can take. Where one of them must stay as it is, so must all that hang on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from torchferry.cgen.ir import Graph, Map, Node, Twin
from torchferry.cgen.values import Constant, Operand, Shape, Value


def channels_last(graph: Graph) -> Graph:
    """Return the graph with the channels last in every value that can have them there."""
    twins = _movable(graph)
    moved = (_moved(node, twins) for node in graph.nodes)
    known = {**graph.twins, **{twin: Twin(value, channels_last=True) for value, twin in twins.items()}}
    return replace(graph, nodes=tuple(node for node in moved if node is not None), twins=known)


def _movable(graph: Graph) -> dict[Value, Value]:
    """Return the twin of each value whose channels may be last."""
    fixed = {*graph.inputs, *graph.outputs}
    values = [value for node in graph.nodes for value in node.outputs if value not in fixed]
    twins = {value: _twin(value) for value in values if value.dtype == "float32" and len(value.shape) in (2, 3)}
    while True:
        kept = dict(twins)
        for node in graph.nodes:
            touched = [value for value in {*node.inputs, *node.outputs} if value in kept]
            if touched and _moved(node, kept) is None:
                for value in touched:
                    del kept[value]
        if len(kept) == len(twins):
            return twins
        twins = kept


def _twin(value: Value) -> Value:
    return Value(value.name, (*value.shape[1:], value.shape[0]), value.dtype)


def _moved(node: Node, twins: Mapping[Value, Value]) -> Node | None:
    """Return the node of twins; None where it cannot have all of them."""
    if not any(value in twins for value in (*node.inputs, *node.outputs)):
        return node
    return _moved_map(node, twins) if isinstance(node, Map) else node.with_channels_last(twins)


def _moved_map(node: Map, twins: Mapping[Value, Value]) -> Map | None:
    """Return an elementwise function of operands that all have their channels last, or are one number."""
    shape = node.output.shape
    whole = [value for value in (*node.inputs, node.output) if value.size > 1]
    if any(value not in twins or value.shape != shape for value in whole):
        return None
    operands = tuple(_operand(operand, shape, twins) for operand in node.operands)
    return replace(node, operands=operands, output=twins.get(node.output, node.output))


def _operand(operand: Operand, shape: Shape, twins: Mapping[Value, Value]) -> Operand:
    if isinstance(operand, Value):
        return twins.get(operand, operand)
    if operand.array.size == 1:
        return operand
    return Constant(np.moveaxis(operand.array.reshape(shape), 0, -1).ravel())
