"""An int8 graph whose caller gives and gets bytes, and the same graph between floats, as a session runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen.conversions import TO_FLOAT
from torchferry.cgen.ir import Elementwise, Graph, Map, Node
from torchferry.cgen.ops.arithmetic import MUL, SUB
from torchferry.cgen.ops.quantize import Quantize, nearest_bytes
from torchferry.cgen.scales import Bytes
from torchferry.cgen.values import Array, Constant, DType, Value

Io = Literal["float", "bytes", "int8"]
HALF = 128  # an int8 means what the byte that is so much larger means
FROM_SIGNED = Elementwise(
    "unsigned", "(uint8_t)({0} + 128)", lambda x: (x.astype(np.int16) + HALF).astype(np.uint8), dtype="uint8"
)
TO_SIGNED = Elementwise("signed", "(int8_t)({0} - 128)", lambda x: (x.astype(np.int16) - HALF).astype(np.int8), dtype="int8")


@dataclass(frozen=True)
class ByteForm:
    """`graph` has bytes for the caller's floats; `inputs` and `outputs` say what they mean, None for what is no float."""

    graph: Graph
    inputs: tuple[Bytes | None, ...]
    outputs: tuple[Bytes | None, ...]

    def between_floats(self) -> Graph:
        """Return the graph with a step from floats before it and one to floats after it."""
        given = [_given(value, kind) for value, kind in zip(self.graph.inputs, self.inputs, strict=True)]
        nodes: list[Node] = [
            Quantize(caller, 1 / kind.scale, kind.zero, value, "")
            for caller, value, kind in zip(given, self.graph.inputs, self.inputs, strict=True)
            if kind is not None
        ]
        nodes += self.graph.nodes
        outputs = []
        for value, kind in zip(self.graph.outputs, self.outputs, strict=True):
            outputs.append(value if kind is None else Value(value.name, value.shape, "float32"))
            nodes += [] if kind is None else to_floats(value, kind, outputs[-1])
        return replace(self.graph, inputs=tuple(given), nodes=tuple(nodes), outputs=tuple(outputs))

    def signed(self) -> Graph:
        """Return the graph with int8 where it has bytes for the caller's floats."""
        before: list[Node] = []
        after: list[Node] = []
        given, outputs = [], []
        for value, kind in zip(self.graph.inputs, self.inputs, strict=True):
            given.append(value if kind is None else Value(value.name, value.shape, "int8"))
            before += [] if kind is None else [Map(FROM_SIGNED, (given[-1],), value, "")]
        for value, kind in zip(self.graph.outputs, self.outputs, strict=True):
            outputs.append(value if kind is None else Value(value.name, value.shape, "int8"))
            after += [] if kind is None else [Map(TO_SIGNED, (value,), outputs[-1], "")]
        nodes = (*before, *self.graph.nodes, *after)
        return replace(self.graph, inputs=tuple(given), nodes=nodes, outputs=tuple(outputs))


def _given(value: Value, kind: Bytes | None) -> Value:
    return value if kind is None else Value(value.name, value.shape, "float32")


def to_floats(value: Value, kind: Bytes, output: Value) -> list[Node]:
    """Return the nodes for (byte - zero) * scale in float32."""
    whole, centred = (Value(f"{output.name}_{name}", value.shape, "float32") for name in ("whole", "centred"))
    zero, scale = (Constant(np.array(float(np.float32(number)))) for number in (kind.zero, kind.scale))
    return [
        Map(TO_FLOAT, (value,), whole, ""),
        Map(SUB, (whole, zero), centred, ""),
        Map(MUL, (centred, scale), output, ""),
    ]


@dataclass(frozen=True)
class Meaning:
    """What a number of the caller's bytes means: (number - zero_point) * scale, in float32."""

    scale: float
    zero_point: int
    dtype: DType


@dataclass(frozen=True)
class ByteInterface:
    """`contract` is that of the C, whose structs have bytes; `meanings` of its tensors, by name."""

    contract: Contract
    inputs: Mapping[str, Meaning]
    outputs: Mapping[str, Meaning]

    @classmethod
    def of(cls, contract: Contract, form: ByteForm, io: Io, *, separate: bool = False) -> ByteInterface:
        """Return the interface in bytes or int8 of a model whose contract has floats. `separate`: weights say what a number means."""
        inputs, outputs = _meanings(contract.inputs, form.inputs, io), _meanings(contract.outputs, form.outputs, io)
        specs = {
            "inputs": tuple(_spec(spec, inputs.get(spec.name), separate) for spec in contract.inputs),
            "outputs": tuple(_spec(spec, outputs.get(spec.name), separate) for spec in contract.outputs),
        }
        return cls(contract.model_copy(update=specs), inputs, outputs)

    def given(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return the caller's floats [N, ...] as what the C takes."""
        return {
            name: np.asarray(array) if name not in self.inputs else _as_bytes(array, self.inputs[name])
            for name, array in arrays.items()
        }


def _meanings(specs: tuple[TensorSpec, ...], kinds: tuple[Bytes | None, ...], io: Io) -> dict[str, Meaning]:
    dtype: DType = "int8" if io == "int8" else "uint8"
    shift = HALF if io == "int8" else 0
    return {
        spec.name: Meaning(kind.scale, kind.zero - shift, dtype)
        for spec, kind in zip(specs, kinds, strict=True)
        if kind is not None
    }


def _spec(spec: TensorSpec, meaning: Meaning | None, separate: bool) -> TensorSpec:
    if meaning is None:
        return spec
    numbers = ("ZERO_POINT", "SCALE") if separate else (meaning.zero_point, f"{np.float32(meaning.scale):.9g}")
    text = f"(number - {numbers[0]}) * {numbers[1]}" + (f" {spec.unit}" if spec.unit else "")
    return spec.model_copy(update={"dtype": meaning.dtype, "range": None, "unit": text, "allow_nonfinite": False})


def _as_bytes(array: Array, meaning: Meaning) -> Array:
    shift = HALF if meaning.dtype == "int8" else 0
    made = nearest_bytes(np.asarray(array), 1 / meaning.scale, meaning.zero_point + shift)
    return (made.astype(np.int16) - shift).astype(meaning.dtype)
