"""The graph in NumPy with the rounding steps of the printed C: what the C must give, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from torchferry.cgen import elementary
from torchferry.cgen.ir import Graph
from torchferry.cgen.values import Array, Value

QUIET_NAN = np.uint32(0x7FC00000)


def run(graph: Graph, inputs: Mapping[str, Array]) -> list[Array]:
    """Compute inputs [N, ...] by name to outputs [N, ...] in contract order; the batch is only an outer loop."""
    values = run_all(graph, inputs)
    count = len(next(iter(inputs.values())))
    return [_canonical(values[value]).reshape(count, *shape) for value, shape in zip(graph.outputs, graph.shapes, strict=True)]


def run_all(graph: Graph, inputs: Mapping[str, Array]) -> dict[Value, Array]:
    """Compute every value of the graph, as [N, size]."""
    count = len(next(iter(inputs.values())))
    values: dict[Value, Array] = {value: np.asarray(inputs[value.name]).reshape(count, value.size) for value in graph.inputs}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            results = node.compute(*(values[value] for value in node.inputs))
            values.update(zip(node.outputs, results, strict=True))
    return values


def _canonical(array: Array) -> Array:
    """Return every NaN as the one quiet NaN: processors differ in its sign and payload."""
    if array.dtype != np.float32:
        return array
    return np.where(np.isnan(array), QUIET_NAN, elementary.bits(np.asarray(array))).astype(np.uint32).view(np.float32)
