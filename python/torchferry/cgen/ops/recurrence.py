"""The loop of a recurrent layer in one direction: what of a step does not depend on the one before is a product of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen import elementary
from torchferry.cgen.ir import Step
from torchferry.cgen.lowering import Operator
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN, literal
from torchferry.cgen.values import Array, Constant, Doubles, Floats, Operand, Value

# Takes the gates' input parts and sums [n, gates, hidden] and the state; gives the new state, first of it what the step gives.
Cell = Callable[[Floats, Floats, tuple[Floats, ...]], tuple[Floats, ...]]


def _lstm(x: Floats, sums: Floats, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
    gates = [x[:, gate] + sums[:, gate] for gate in range(4)]
    inside, forget, out = (elementary.sigmoid(gates[gate]) for gate in (0, 1, 3))
    c = forget * state[1] + inside * elementary.tanh(gates[2])
    return out * elementary.tanh(c), c


def _gru(x: Floats, sums: Floats, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
    reset, update = (elementary.sigmoid(x[:, gate] + sums[:, gate]) for gate in (0, 1))
    fresh = elementary.tanh(x[:, 2] + reset * sums[:, 2])
    return (fresh + update * (state[0] - fresh),)


def _rnn_tanh(x: Floats, sums: Floats, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
    del state
    return (elementary.tanh(x[:, 0] + sums[:, 0]),)


def _rnn_relu(x: Floats, sums: Floats, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
    del state
    total = x[:, 0] + sums[:, 0]
    return (np.where(total < np.float32(0), np.float32(0), total) + np.float32(0),)


@dataclass(frozen=True)
class CellKind:
    """A cell: its kernel, how many gates and how many vectors of state it has, and one step in NumPy."""

    kernel: str
    gates: int
    states: int
    step: Cell


LSTM = CellKind("lstm", 4, 2, _lstm)
GRU = CellKind("gru", 3, 1, _gru)
RNN_TANH = CellKind("rnn_tanh", 1, 1, _rnn_tanh)
RNN_RELU = CellKind("rnn_relu", 1, 1, _rnn_relu)


@dataclass(frozen=True, eq=False)
class Recurrence(Step):
    """y[t], state = cell(x[t], bias + weight h, state), step after step; `reverse`: from the last to the first.

    x [steps, gates * hidden] are the products with the inputs and their biases. `weight` is [gates * hidden, hidden]. Each sum starts
    at +0 and takes its products in rising order of h; the bias comes last. `results` are y [steps, hidden] and the last state.
    """

    kind: CellKind
    x: Value
    state: tuple[Operand, ...]
    weight: Doubles
    bias: Doubles
    reverse: bool
    results: tuple[Value, ...]
    label: str

    @property
    def hidden(self) -> int:
        """Elements of a state."""
        return int(self.weight.shape[1])

    @property
    def steps(self) -> int:
        """How often the loop runs."""
        return self.x.size // len(self.weight)

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The input parts, and the first state where it is no constant."""
        return tuple(dict.fromkeys((self.x, *(value for value in self.state if isinstance(value, Value)))))

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The steps' results, and the last state."""
        return self.results

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if any(value.dtype != "float32" for value in (*self.inputs, *self.outputs)):
            yield "values that are not float32"
        columns = self.kind.gates * self.hidden
        if self.weight.shape != (columns, self.hidden) or self.bias.shape != (columns,) or self.x.size % columns:
            yield f"weights {list(self.weight.shape)} and bias {list(self.bias.shape)} for {self.kind.gates} gates"
        sizes = [value.size if isinstance(value, Value) else value.array.size for value in self.state]
        if any(size not in (1, self.hidden) for size in sizes) or len(sizes) != self.kind.states:
            yield f"a state of {sizes} elements, expected {self.kind.states} times {self.hidden}"
        expected = [self.steps * self.hidden, *(self.hidden for _ in self.state)]
        if [value.size for value in self.results] != expected:
            yield f"results of {[value.size for value in self.results]} elements, expected {expected}"

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return y [N, steps * hidden] and the last states [N, hidden]."""
        values = dict(zip(self.inputs, inputs, strict=True))
        count, weight = len(inputs[0]), self.weight.astype(np.float32)
        x = values[self.x].reshape(count, self.steps, self.kind.gates, self.hidden)
        state = tuple(np.ascontiguousarray(self._start(values, part, count)) for part in self.state)
        y = np.empty((count, self.steps, self.hidden), np.float32)
        for t in reversed(range(self.steps)) if self.reverse else range(self.steps):
            sums = np.zeros((count, len(weight)), np.float32)
            for i in range(self.hidden):
                sums += state[0][:, i, None] * weight[None, :, i]
            gates = (sums + self.bias.astype(np.float32)).reshape(count, self.kind.gates, self.hidden)
            state = self.kind.step(x[:, t], gates, state)
            y[:, t] = state[0]
        return (y.reshape(count, -1), *state)

    def _start(self, values: dict[Value, Array], part: Operand, count: int) -> Array:
        array = values[part] if isinstance(part, Value) else part.array.astype(np.float32).reshape(1, -1)
        return np.broadcast_to(array, (count, self.hidden))

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"{self.kind.kernel} of {self.hidden}, {self.steps} steps" + (" backwards" if self.reverse else "")

    def tables(self) -> tuple[Table, ...]:
        """Return weights and bias, and first states that are constants."""
        states = [
            Table(f"state{number}", "float", part.array.astype(np.float32), "before the first step")
            for number, part in enumerate(self.state)
            if isinstance(part, Constant) and part.array.ndim
        ]
        return (
            Table("weights", "float", self.weight.T.astype(np.float32), "[state][gate]"),
            Table("bias", "float", self.bias.astype(np.float32), "one per gate"),
            *states,
        )

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the sums of one step."""
        return (Scratch("sums", "floats", len(self.weight)),)

    def emit(self, scope: Scope) -> list[str]:
        """Return the copy of the first state and one call."""
        scope.use(self.kind.kernel)
        lines = [f"  for (size_t i0 = 0; i0 < {self.hidden}; ++i0) {{"]
        for number, (part, last) in enumerate(zip(self.state, self.results[1:], strict=True)):
            lines.append(f"    {scope.pointer(last)}[i0] = {self._element(scope, number, part)};")
        states = ", ".join(scope.pointer(value) for value in self.results[1:])
        places = f"{scope.pointer(self.x)}, {scope.table('weights')}, {scope.table('bias')}, sums, {states}"
        shape = f"{self.steps}, {self.hidden}, {int(self.reverse)}"
        return [*lines, "  }", f"  {OWN}{self.kind.kernel}({shape}, {places}, {scope.pointer(self.results[0])});"]

    def _element(self, scope: Scope, number: int, part: Operand) -> str:
        if isinstance(part, Value):
            return f"{scope.pointer(part)}[{'0' if part.size == 1 else 'i0'}]"
        return f"{scope.table(f'state{number}')}[i0]" if part.array.ndim else literal(float(part.array), "float32")


OPERATORS: tuple[Operator, ...] = ()
