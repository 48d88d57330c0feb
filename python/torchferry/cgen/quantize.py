"""Float32 graph -> int8 graph: weights symmetric per output channel, activations as bytes, sums exact in 32 bits.

Between two matrix products everything is integers: a sum is scaled by a fixed-point number to an index, and a table holds the
byte that the elementwise functions in between give for it (B. Jacob et al., Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference, 2018, section 2.2, with a table in place of the clamp). What is no such chain (a
residual, an output of the model) goes through strict float32, whose bits are equal everywhere as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from torchferry.cgen.calibrate import Range
from torchferry.cgen.fixed_point import BYTE_MOST, Bytes, bytes_for, to_bytes
from torchferry.cgen.fold import drop_dead, per_column
from torchferry.cgen.ir import (
    Constant,
    Doubles,
    Graph,
    IntegerLinear,
    Integers,
    Linear,
    Map,
    Node,
    Quantize,
    ToFloats,
    Value,
)
from torchferry.errors import ExitCode, FerryError

WEIGHT_MOST = 127  # symmetric: -128 is not used
BIAS_MOST = 2**29  # a row whose bias would be more steps gets a coarser step
SUM_MOST = 2**31 - 1
PIXELS = Bytes(1.0, 0)


def quantize(graph: Graph, ranges: Mapping[Value, Range]) -> Graph:
    """The int8 form of a folded graph, from the range of every float32 value on calibration data.

    Raises FerryError(FORMAT) for a graph without products and for a product whose sums could leave 32 bits.
    """
    if not any(isinstance(node, Linear) for node in graph.nodes):
        raise FerryError(ExitCode.FORMAT, "c-int8: module: got no Linear layer, expected at least one; leave out --quantize int8")
    return drop_dead(_Quantizer(graph, ranges).run())


class _Quantizer:
    """Rewrites node by node; `bytes` are the bytes that stand for a float32 value, and what they mean."""

    def __init__(self, graph: Graph, ranges: Mapping[Value, Range]) -> None:
        self._graph = graph
        self._ranges = ranges
        self._producer = graph.producer()
        self._nodes: list[Node] = []
        self._bytes: dict[Value, tuple[Value, Bytes]] = {}

    def run(self) -> Graph:
        for node in self._graph.nodes:
            if isinstance(node, Linear):
                self._linear(node)
            else:
                self._nodes.append(node)
        return replace(self._graph, nodes=tuple(self._nodes))

    def _linear(self, node: Linear) -> None:
        x, kind, shift = self._operand(node)
        weight, bias, unit = _symmetric(node, kind, shift)
        chain = self._chain(node.output)
        if chain is None:
            self._nodes.append(IntegerLinear(x, weight, bias, ToFloats(unit), node.output, node.label))
            return
        end = chain[-1].output if chain else node.output
        finish, made = to_bytes(chain, unit, self._ranges[node.output], self._ranges[end])
        output = Value(f"{end.name}_bytes", end.shape, "uint8")
        self._nodes.append(IntegerLinear(x, weight, bias, finish, output, node.label))
        self._bytes[end] = output, made

    def _operand(self, node: Linear) -> tuple[Value, Bytes, Doubles]:
        """The bytes to multiply, what they mean, and what must be subtracted from that: what float32 did before the product."""
        nothing = np.zeros(node.inputs)
        if node.x.dtype == "uint8":
            return node.x, PIXELS, nothing
        shifted = self._shifted_pixels(node)
        if shifted is not None:
            return shifted[0], PIXELS, shifted[1]
        if node.x not in self._bytes:
            kind = bytes_for(self._ranges[node.x])
            output = Value(f"{node.x.name}_bytes", node.x.shape, "uint8")
            self._nodes.append(Quantize(node.x, 1 / kind.scale, kind.zero, output, node.label))
            self._bytes[node.x] = output, kind
        return *self._bytes[node.x], nothing

    def _shifted_pixels(self, linear: Linear) -> tuple[Value, Doubles] | None:
        """The caller's bytes u and c where the product's x is (float) u - c: exact sums may take c out of the product."""
        node = self._producer.get(linear.x)
        if not isinstance(node, Map) or node.operator != "sub" or not isinstance(node.operands[1], Constant):
            return None
        first = self._producer.get(node.values[0])
        if not isinstance(first, Map) or first.operator != "float" or first.values[0].dtype != "uint8":
            return None
        columns = per_column(node.operands[1].array, linear.rows, linear.inputs)
        return None if columns is None else (first.values[0], columns)

    def _chain(self, value: Value) -> list[Map] | None:
        """The elementwise functions from `value` to the products that alone read it; None where it is not so."""
        chain: list[Map] = []
        while value not in self._graph.outputs:
            readers = [node for node in self._graph.nodes if value in node.values]
            if all(isinstance(node, Linear) for node in readers):
                return chain
            if len(readers) != 1 or not isinstance(readers[0], Map) or not _is_function_of_one(readers[0], value):
                return None
            chain.append(readers[0])
            value = readers[0].output
        return None


def _is_function_of_one(node: Map, value: Value) -> bool:
    constants = [operand for operand in node.operands if isinstance(operand, Constant)]
    same = node.output.dtype == "float32" and node.output.size == value.size
    return same and len(node.values) == 1 and all(constant.array.ndim == 0 for constant in constants)


def _symmetric(node: Linear, kind: Bytes, shift: Doubles) -> tuple[Integers, Integers, Doubles]:
    """Weights -127..127 and biases in steps of the sums, and what one step of each column means."""
    exact_bias = node.bias - node.weight @ shift
    largest = np.abs(node.weight).max(axis=1) / WEIGHT_MOST
    step = np.maximum(largest, np.abs(exact_bias) / (kind.scale * BIAS_MOST))
    step = np.where(step > 0, step, 1.0)
    weight = np.rint(node.weight / step[:, None]).astype(np.int64)
    unit = step * kind.scale
    bias = np.rint(exact_bias / unit).astype(np.int64) - kind.zero * weight.sum(axis=1)
    _require_32_bits(node, weight, bias)
    return weight, bias, unit


def _require_32_bits(node: Linear, weight: Integers, bias: Integers) -> None:
    """No partial sum, in whatever order, leaves 32 bits."""
    above = np.maximum(bias, 0) + BYTE_MOST * np.maximum(weight, 0).sum(axis=1)
    below = np.minimum(bias, 0) + BYTE_MOST * np.minimum(weight, 0).sum(axis=1)
    most = int(max(above.max(), -below.min()))
    if most > SUM_MOST:
        raise FerryError(
            ExitCode.FORMAT,
            f"c-int8: {node.label or 'Linear'}: got {node.inputs} inputs with sums up to {most}, expected at most {SUM_MOST} (32 bits); "
            "make the layer narrower or leave out --quantize int8",
        )
