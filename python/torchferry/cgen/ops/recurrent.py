"""LSTM, GRU and RNN, with layers and directions, and their cells: each direction of each layer is a product and a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import Axis, Piece
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments
from torchferry.cgen.ops.linear import Linear
from torchferry.cgen.ops.recurrence import GRU, LSTM, RNN_RELU, RNN_TANH, CellKind, Recurrence
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Constant, Operand, Value

WORDS = {"lstm": "an LSTM", "gru": "a GRU", "rnn_tanh": "an RNN", "rnn_relu": "an RNN"}


@dataclass(frozen=True)
class _Place:
    """Where nodes are added: the node of the trace that they stand for."""

    builder: Builder
    node: torch.fx.Node
    kind: CellKind

    def direction(
        self, x: Value, state: tuple[Operand, ...], weights: Sequence[Any], name: str, *, reverse: bool
    ) -> tuple[Value, ...]:
        """Add one direction over x [steps, inputs]; returns y [steps, hidden] and the last state. `weights`: of inputs, of states, biases."""
        arrays = [self.builder.numbers(self.node, weight) for weight in weights]
        biases = arrays[2:] or [np.zeros(len(arrays[0]))] * 2
        steps, hidden, label = x.size // arrays[0].shape[1], arrays[1].shape[1], module_path(self.node)
        parts = Value(f"{name}_parts", (steps, len(arrays[0])), "float32")
        self.builder.nodes.append(Linear(x, arrays[0], biases[0], parts, label))
        last = tuple(Value(f"{name}_{letter}", (hidden,), "float32") for letter in "hc"[: self.kind.states])
        results = (Value(f"{name}_y", (steps, hidden), "float32"), *last)
        self.builder.nodes.append(Recurrence(self.kind, parts, state, arrays[1], biases[1], reverse, results, label))
        return results

    def joined(self, values: Sequence[Value], rows: int, shape: tuple[int, ...], name: str) -> Value:
        """Return values [rows, width] side by side."""
        if len(values) == 1:
            return values[0]
        width = values[0].size // rows
        pieces = [
            Piece(number, number * width, 0, (Axis.even(rows, len(values) * width, width), Axis.even(width, 1, 1)))
            for number in range(len(values))
        ]
        return self.builder.copy(self.node, "cat", tuple(values), tuple(pieces), shape, "float32", name)

    def part(self, source: Any, number: int, hidden: int) -> Operand:
        """Return state `number` of the states [number, N, hidden] that a layer starts from."""
        if source in self.builder.results:
            value = self.builder.as_float(self.node, self.builder.results[source][0])
            if value.size == hidden:
                return value
            piece = Piece(0, 0, number * hidden, (Axis.even(hidden, 1, 1),))
            return self.builder.copy(
                self.node, "select", (value,), (piece,), (hidden,), "float32", f"{self.node.name}_start{number}"
            )
        array = self.builder.numbers(self.node, source)
        rows = np.broadcast_to(array, (max(len(array), number + 1), 1, hidden))[number].ravel() if array.ndim else array
        return Constant(rows[0].reshape(()) if rows.size and (rows == rows.flat[0]).all() else rows.copy())


def _layers(kind: CellKind) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
        given, place = arguments(node), _Place(builder, node, kind)
        first = given.get("hx")
        states = list(first) if isinstance(first, list | tuple) else [first]
        source, each = given["input"], 4 if given["has_biases"] else 2
        directions = 2 if given["bidirectional"] else 1
        weights = list(given["params"])
        if len(weights) != each * directions * int(given["num_layers"]):
            raise refuse(node, f"{WORDS[kind.kernel]} with proj_size", "one without")
        batch = 0 if given["batch_first"] else 1
        if len(layout_of(source).shape) != 3 or layout_of(source).batch != batch:
            raise refuse(node, f"{node.target} over the batch", f"the batch as dim {batch}")
        x = builder.as_float(node, builder.value(node, source))
        ends: list[tuple[Value, ...]] = []
        for layer in range(int(given["num_layers"])):
            ys = []
            for direction in range(directions):
                number = layer * directions + direction
                own = weights[each * number : each * (number + 1)]
                hidden = builder.numbers(node, own[1]).shape[1]
                state = tuple(place.part(source, number, hidden) for source in states)
                made = place.direction(x, state, own, f"{node.name}_{number}", reverse=direction == 1)
                ys.append(made[0])
                ends.append(made[1:])
            rows = ys[0].shape[0]
            x = place.joined(ys, rows, (rows, ys[0].shape[1] * directions), f"{node.name}_{layer}")
        last = [
            place.joined(parts, 1, (len(parts), parts[0].size), f"{node.name}_last{n}")
            for n, parts in enumerate(zip(*ends, strict=True))
        ]
        return (x, *last)

    return lower


def _cell(kind: CellKind) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...] | Value:
        given, place = arguments(node), _Place(builder, node, kind)
        states = list(given["hx"]) if isinstance(given["hx"], list | tuple) else [given["hx"]]
        own = [given[name] for name in ("w_ih", "w_hh", "b_ih", "b_hh") if given.get(name) is not None]
        hidden = builder.numbers(node, own[1]).shape[1]
        x = builder.as_float(node, builder.value(node, given["input"]))
        state = tuple(place.part(source, 0, hidden) for source in states)
        made = place.direction(x, state, own, node.name, reverse=False)[1:]
        return made if len(made) > 1 else made[0]

    return lower


OPERATORS = tuple(
    Operator((f"aten.{name}.input",), _layers(kind), (word,))
    for name, kind, word in (
        ("lstm", LSTM, "LSTM"),
        ("gru", GRU, "GRU"),
        ("rnn_tanh", RNN_TANH, "RNN"),
        ("rnn_relu", RNN_RELU, "RNN"),
    )
) + tuple(
    Operator((f"aten.{name}_cell.default",), _cell(kind))
    for name, kind in (("lstm", LSTM), ("gru", GRU), ("rnn_tanh", RNN_TANH), ("rnn_relu", RNN_RELU))
)
