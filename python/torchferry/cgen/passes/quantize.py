"""Float32 graph -> int8 graph: weights symmetric per output channel, activations as bytes, sums exact in 32 bits.

Between two products everything is integers: a sum is scaled by a fixed-point number to an index, and a table holds the byte that
the elementwise functions in between give for it (B. Jacob et al., Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, 2018, section 2.2, with a table in place of the clamp). What is no such chain (a residual, an
output of the model) goes through strict float32, whose bits are equal everywhere as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from torchferry.cgen.affine import IDENTITY, per_column
from torchferry.cgen.ir import Graph, Map, Node, Step
from torchferry.cgen.ops.quantize import Quantize
from torchferry.cgen.passes.fixed_point import bytes_for, to_bytes
from torchferry.cgen.passes.fold import drop_dead
from torchferry.cgen.scales import Bytes, Finish, Range, ToFloats
from torchferry.cgen.values import Constant, Doubles, Value
from torchferry.errors import ExitCode, FerryError

PIXELS = Bytes(1.0, 0)


def quantize(graph: Graph, ranges: Mapping[Value, Range]) -> Graph:
    """Return the int8 form of a folded graph, from the range of every float32 value on calibration data.

    Raises FerryError(FORMAT) for a graph without products and for a product whose sums could leave 32 bits.
    """
    if not any(isinstance(node, Step) and node.has_integers for node in graph.nodes):
        raise FerryError(ExitCode.FORMAT, "c-int8: module: got no Linear layer, expected at least one; leave out --quantize int8")
    return drop_dead(_Rewriter(graph, ranges).run())


class _Rewriter:
    """Rewrites node by node; `_bytes` are the bytes that stand for a float32 value, and what they mean."""

    def __init__(self, graph: Graph, ranges: Mapping[Value, Range]) -> None:
        self._graph = graph
        self._ranges = ranges
        self._producer = graph.producer()
        self._readers = graph.readers()
        self._nodes: list[Node] = []
        self._bytes: dict[Value, tuple[Value, Bytes]] = {}

    def run(self) -> Graph:
        for node in self._graph.nodes:
            if isinstance(node, Step) and node.has_integers:
                node.in_integers(self)
            else:
                self._nodes.append(node)
        return replace(self._graph, nodes=tuple(self._nodes))

    def add(self, node: Node) -> None:
        """See ir.Quantizer."""
        self._nodes.append(node)

    def operand(self, step: Step, rows: int, columns: int) -> tuple[Value, Bytes, Doubles]:
        """See ir.Quantizer. What is subtracted is what float32 did to the caller's bytes before the product."""
        x, nothing = step.inputs[0], np.zeros(columns)
        if x.dtype == "uint8":
            return x, PIXELS, nothing
        shifted = self._shifted_pixels(x, rows, columns)
        if shifted is not None:
            return shifted[0], PIXELS, shifted[1]
        if x not in self._bytes:
            kind = bytes_for(self._ranges[x])
            output = Value(f"{x.name}_bytes", x.shape, "uint8")
            self._nodes.append(Quantize(x, 1 / kind.scale, kind.zero, output, step.label))
            self._bytes[x] = output, kind
        return *self._bytes[x], nothing

    def finish(self, output: Value, unit: Doubles) -> tuple[Finish, Value]:
        """See ir.Quantizer. Bytes, where only products read the value or a chain of functions of it; else float32."""
        chain = self._chain(output)
        if chain is None:
            return ToFloats(unit), output
        end = chain[-1].output if chain else output
        finish, kind = to_bytes(chain, unit, self._ranges[output], self._ranges[end])
        made = Value(f"{end.name}_bytes", end.shape, "uint8")
        self._bytes[end] = made, kind
        return finish, made

    def _shifted_pixels(self, x: Value, rows: int, columns: int) -> tuple[Value, Doubles] | None:
        """Return the caller's bytes u and c where x is (float) u - c: exact sums may take c out of the product."""
        node = self._producer.get(x)
        affine = node.continues(IDENTITY) if isinstance(node, Map) else None
        if affine is None or not isinstance(node, Map) or not isinstance(node.operands[1], Constant):
            return None
        subtracted = node.operands[1].array
        if not ((affine.scale == 1).all() and (affine.shift == -subtracted).all()):
            return None
        first = self._producer.get(node.inputs[0])
        if not isinstance(first, Map) or not first.function.widens or first.inputs[0].dtype != "uint8":
            return None
        shift = per_column(subtracted, rows, columns)
        return None if shift is None else (first.inputs[0], shift)

    def _chain(self, value: Value) -> list[Map] | None:
        """Return the elementwise functions from `value` to the products that alone read it; None where it is not so."""
        chain: list[Map] = []
        while value not in self._graph.outputs:
            readers = list(dict.fromkeys(self._readers.get(value, [])))
            if all(isinstance(node, Step) and node.has_integers for node in readers):
                return chain
            if len(readers) != 1 or not isinstance(readers[0], Map) or not _is_function_of_one(readers[0], value):
                return None
            chain.append(readers[0])
            value = readers[0].output
        return None


def _is_function_of_one(node: Map, value: Value) -> bool:
    constants = [operand for operand in node.operands if isinstance(operand, Constant)]
    same = node.output.dtype == "float32" and node.output.size == value.size
    return same and len(node.inputs) == 1 and all(constant.array.ndim == 0 for constant in constants)
