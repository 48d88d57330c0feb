"""Float32 graph -> int8 graph: weights symmetric per output channel, activations as bytes, sums exact in 32 bits.

Between two matrix products everything is integers: a sum is scaled by a fixed-point number to an index, and a table holds the
byte that the elementwise functions in between give for it (B. Jacob et al., Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference, 2018, section 2.2, with a table in place of the clamp). Where a graph is no
such chain (residuals), the value goes through strict float32, whose bits are equal everywhere as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.errors import ExitCode, FerryError
from torchferry.export.c99 import reference
from torchferry.export.c99.fold import drop_dead
from torchferry.export.c99.ir import (
    Constant,
    Dequantize,
    Doubles,
    Graph,
    IntegerLinear,
    Integers,
    Linear,
    Lookup,
    Map,
    Node,
    Quantize,
    Value,
)

Array = NDArray[Any]
WEIGHT_MOST = 127
BYTE_MOST = 255
TABLE_SIZE = 1024
MULTIPLIER_BITS = 31
MOST_INPUTS = 60_000  # 60,000 * 255 * 127 stays below 2^31


@dataclass(frozen=True)
class Bytes:
    """What a byte u means: (u - zero) * scale."""

    scale: float
    zero: int


def quantize(graph: Graph, calibration: Mapping[str, Array]) -> Graph:
    """The int8 form of a folded graph.

    `calibration` are raw inputs [N, ...] from the training data. Raises FerryError(BAD_INPUT) where they are missing or
    constant, FORMAT where a product has too many inputs for exact 32-bit sums.
    """
    _check(graph, calibration)
    return drop_dead(_Quantizer(graph, reference.values(graph, calibration)).run())


def _check(graph: Graph, calibration: Mapping[str, Array]) -> None:
    for value in graph.inputs:
        array = np.asarray(calibration.get(value.name, ()))
        if array.size == 0:
            raise FerryError(
                ExitCode.BAD_INPUT, f"c-int8: calibration: {value.name}: got no data, expected samples of the training data"
            )
        if array.min() == array.max():
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"c-int8: calibration: {value.name}: got the constant {array.flat[0]}, expected varied training data",
            )
    if not any(isinstance(node, Linear) for node in graph.nodes):
        raise FerryError(
            ExitCode.FORMAT, "c-int8: module: got no Linear layer, expected at least one; export it with --to c alone"
        )
    for node in graph.nodes:
        if isinstance(node, Linear) and node.inputs > MOST_INPUTS:
            raise FerryError(
                ExitCode.FORMAT,
                f"c-int8: {node.label}: got {node.inputs} inputs, expected at most {MOST_INPUTS} for exact 32-bit sums",
            )


class _Quantizer:
    """Rewrites node by node; `seen` holds what every value was on the calibration data."""

    def __init__(self, graph: Graph, seen: Mapping[Value, Array]) -> None:
        self._graph = graph
        self._seen = seen
        self._uses = graph.uses()
        self._nodes: list[Node] = []
        self._bytes: dict[Value, tuple[Value, Bytes]] = {}  # float value -> the bytes that stand for it

    def run(self) -> Graph:
        for node in self._graph.nodes:
            if isinstance(node, Linear):
                self._linear(node)
            else:
                self._nodes.append(node)
        return replace(self._graph, nodes=tuple(self._nodes))

    def _linear(self, node: Linear) -> None:
        x, kind = self._as_bytes(node.x, node.label)
        largest = np.abs(node.weight).max(axis=1)
        scale = np.where(largest > 0, largest, 1.0) / WEIGHT_MOST
        weight = np.rint(node.weight / scale[:, None]).astype(np.int64)
        unit = scale * kind.scale  # what one step of a sum means
        bias = np.clip(np.rint(node.bias / unit), -(2**30), 2**30).astype(np.int64) - kind.zero * weight.sum(axis=1)
        sums = Value(f"{node.output.name}_sums", node.output.shape, "int32")
        self._nodes.append(IntegerLinear(x, weight, bias, sums, node.label))
        chain = self._chain(node.output)
        if chain is None:
            self._nodes.append(Dequantize(sums, unit, node.output, node.label))
        else:
            self._lookup(node, sums, unit, chain)

    def _as_bytes(self, value: Value, label: str) -> tuple[Value, Bytes]:
        """The caller's bytes as they are, the bytes of a table, or a conversion from float32."""
        if value.dtype == "uint8":
            return value, Bytes(1.0, 0)
        if value not in self._bytes:
            kind = _bytes_for(self._seen[value])
            output = Value(f"{value.name}_bytes", value.shape, "uint8")
            self._nodes.append(Quantize(value, float(np.float32(1 / kind.scale)), kind.zero, output, label))
            self._bytes[value] = output, kind
        return self._bytes[value]

    def _chain(self, value: Value) -> list[Map] | None:
        """The elementwise functions of `value` alone that end in another product and nowhere else; None where it is not so."""
        chain: list[Map] = []
        while value not in self._graph.outputs and self._uses[value] == 1:
            reader = next(node for node in self._graph.nodes if value in node.values)
            if isinstance(reader, Linear):
                return chain
            if not isinstance(reader, Map) or reader.output.size != value.size or not _is_function_of_one(reader):
                return None
            chain.append(reader)
            value = reader.output
        return None

    def _lookup(self, node: Linear, sums: Value, unit: Doubles, chain: Sequence[Map]) -> None:
        end = chain[-1].output if chain else node.output
        low, high = _range(self._seen[node.output])
        step = (high - low) / (TABLE_SIZE - 1)
        table, kind = _table(chain, np.linspace(low, high, TABLE_SIZE), _bytes_for(self._seen[end]))
        shift = MULTIPLIER_BITS - 1 - int(np.ceil(np.log2((unit / step).max())))
        shift = min(max(shift, 1), 46)
        multiplier = np.rint(unit / step * 2.0**shift).astype(np.int64)
        offset = round(-low / step * 2.0**shift) + (1 << (shift - 1))
        output = Value(f"{end.name}_bytes", end.shape, "uint8")
        self._nodes.append(Lookup(sums, multiplier, offset, shift, table, output, node.label))
        self._bytes[end] = output, kind


def _is_function_of_one(node: Map) -> bool:
    constants = [operand for operand in node.operands if isinstance(operand, Constant)]
    return len(node.values) == 1 and node.output.dtype == "float32" and all(constant.array.ndim == 0 for constant in constants)


def _range(array: Array) -> tuple[float, float]:
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise FerryError(ExitCode.BAD_INPUT, "c-int8: calibration: got data on which a layer overflows, expected training data")
    return (low, high) if high > low else (low, low + 1.0)


def _bytes_for(array: Array) -> Bytes:
    """Values that are never negative use all of 0..255; others lie symmetrically around 128."""
    low, high = _range(array)
    if low >= 0:
        return Bytes((high if high > 0 else 1.0) / BYTE_MOST, 0)
    return Bytes(max(-low, high) / WEIGHT_MOST, 128)


def _table(chain: Sequence[Map], points: Doubles, kind: Bytes) -> tuple[Integers, Bytes]:
    """The byte for each point of the range of a sum."""
    values: Array = points.astype(np.float32)[None, :]
    for node in chain:
        values = reference.apply(node, values)
    bytes_ = np.rint(values[0].astype(np.float64) / kind.scale) + kind.zero
    return np.clip(bytes_, 0, BYTE_MOST).astype(np.int64), kind
