"""The graph in NumPy with the rounding steps of the printed C: what the C must give, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen import elementary
from torchferry.cgen.elementwise import OPERATORS
from torchferry.cgen.ir import Argmax, Graph, IntegerLinear, Integers, Linear, Map, Node, Operand, Quantize, ToBytes, Value
from torchferry.cgen.kernels import choose

Array = NDArray[Any]
Floats = NDArray[np.float32]
SUM_LANES = 8
QUIET_NAN = np.uint32(0x7FC00000)


def run(graph: Graph, inputs: Mapping[str, Array]) -> list[Array]:
    """Inputs [N, ...] by name to outputs [N, ...] in contract order; the batch is only an outer loop."""
    values = run_all(graph, inputs)
    count = len(next(iter(inputs.values())))
    return [_canonical(values[value]).reshape(count, *shape) for value, shape in zip(graph.outputs, graph.shapes, strict=True)]


def run_all(graph: Graph, inputs: Mapping[str, Array]) -> dict[Value, Array]:
    """Every value of the graph, as [N, size]."""
    count = len(next(iter(inputs.values())))
    values: dict[Value, Array] = {value: np.asarray(inputs[value.name]).reshape(count, value.size) for value in graph.inputs}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            values[node.output] = _run_node(node, values, graph)
    return values


def _run_node(node: Node, values: Mapping[Value, Array], graph: Graph) -> Array:
    if isinstance(node, Map):
        return _map(node, values)
    x = values[node.x]
    if isinstance(node, Linear):
        return _linear(node, x.astype(np.float32), graph)
    if isinstance(node, Quantize):
        return _quantize(node, x)
    if isinstance(node, IntegerLinear):
        return _integer_linear(node, x)
    rows = x.reshape(-1, node.width)
    result = _argmax(rows) if isinstance(node, Argmax) else _softmax(rows, logarithm=node.logarithm)
    return result.reshape(len(x), -1)


def _map(node: Map, values: Mapping[Value, Array]) -> Array:
    result = apply(node, values).astype(node.output.dtype)
    return np.broadcast_to(result, (len(values[node.values[0]]), node.output.size))


def apply(node: Map, values: Mapping[Value, Array]) -> Array:
    """An elementwise function of arrays of any shape."""

    def load(operand: Operand) -> Array:
        return values[operand] if isinstance(operand, Value) else operand.array.astype(node.operand_dtype)

    return np.asarray(OPERATORS[node.operator].numpy(*(load(operand) for operand in node.operands)))


def _linear(node: Linear, x: Floats, graph: Graph) -> Floats:
    kernel = choose(node, graph)
    rows = x.reshape(-1, node.inputs)
    weight = node.weight.astype(np.float32)
    sums = np.zeros((kernel.sums, len(rows), node.outputs), np.float32)
    for i in range(node.inputs):
        sums[i % kernel.sums] += rows[:, i, None] * weight[None, :, i]
    return (_halve(sums) + node.bias.astype(np.float32)).reshape(len(x), -1)


def _quantize(node: Quantize, x: Floats) -> Array:
    scaled = np.where(np.isnan(x), np.float32(0), x) * np.float32(node.inverse)
    clamped = np.clip(scaled, np.float32(-node.zero), np.float32(255 - node.zero))
    rounded = (clamped + elementary.ROUND) - elementary.ROUND
    return (rounded.astype(np.int64) + node.zero).astype(np.uint8)


def _integer_linear(node: IntegerLinear, x: Array) -> Array:
    rows = x.reshape(-1, node.inputs)
    # In float64 and so in BLAS: sums below 2^53 are exact whatever their order.
    sums = (rows.astype(np.float64) @ node.weight.T.astype(np.float64)).astype(np.int64) + node.bias
    return _finish(node, sums).reshape(len(x), -1)


def _finish(node: IntegerLinear, sums: Integers) -> Array:
    finish = node.finish
    if not isinstance(finish, ToBytes):
        return sums.astype(np.float32) * finish.scale.astype(np.float32)
    scaled = sums * finish.multiplier + finish.offset
    index = np.minimum(np.where(scaled < 0, 0, scaled >> finish.shift), finish.last)
    return (finish.table[index] if len(finish.table) else index).astype(np.uint8)


def _halve(sums: Floats) -> Floats:
    """Add the second half of the partial sums to the first until one is left."""
    while len(sums) > 1:
        half = len(sums) // 2
        sums = sums[:half] + sums[half:]
    total: Floats = sums[0]
    return total


def _softmax(x: Floats, *, logarithm: bool) -> Floats:
    largest = x[:, 0]
    for j in range(1, x.shape[1]):
        largest = np.where(largest < x[:, j], x[:, j], largest)
    shifted = x - (largest[:, None] + np.float32(0))
    e = elementary.exp(shifted)
    sums = np.zeros((SUM_LANES, len(x)), np.float32)
    for j in range(x.shape[1]):
        sums[j % SUM_LANES] += e[:, j]
    total = _halve(sums)[:, None]
    return shifted - elementary.log(total) if logarithm else e / total


def _argmax(x: Floats) -> Array:
    index: Array = np.where(np.isnan(x).any(axis=1), np.isnan(x).argmax(axis=1), x.argmax(axis=1)).astype(np.int64)
    return index


def _canonical(array: Array) -> Array:
    """Every NaN as the one quiet NaN: processors differ in its sign and payload."""
    if array.dtype != np.float32:
        return array
    return np.where(np.isnan(array), QUIET_NAN, elementary.bits(np.asarray(array))).astype(np.uint32).view(np.float32)
