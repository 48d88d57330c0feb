"""The loop of a recurrent layer in one direction: what of a step does not depend on the one before is a product of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.cgen import elementary
from torchferry.cgen.ir import Int8Form, Quantizer, Step
from torchferry.cgen.lowering import Operator
from torchferry.cgen.ops.integer_linear import IntegerLinear, in_steps, product_call, product_tables
from torchferry.cgen.ops.quantize import nearest_byte, nearest_bytes
from torchferry.cgen.scales import Bytes
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.text import OWN, literal
from torchferry.cgen.values import Array, Constant, Doubles, DType, Floats, Integers, Operand, Value

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
    weight: Doubles | Integers
    bias: Doubles | Integers
    reverse: bool
    results: tuple[Value, ...]
    label: str

    @property
    def gives(self) -> DType:
        """The dtype of the steps' results."""
        return "float32"

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

    @property
    def int8_form(self) -> Int8Form:
        """A loop over a product with the state."""
        return "loop"

    def in_integers(self, quantizer: Quantizer) -> None:
        """Add the loop whose state is bytes where it meets the weights."""
        state, y, steps = quantizer.steps_of(self.results[0], self.state[0])
        weight, bias, unit = in_steps(self.weight, self.bias, state, self.label or self.kind.kernel)
        results = (y, *self.results[1:])
        loop = self.kind, self.x, self.state, weight, bias, self.reverse, results, self.label
        quantizer.add(IntegerRecurrence(*loop, state, unit, steps))

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        if any(value.dtype != "float32" for value in (*self.inputs, *self.results[1:])):
            yield "values that are not float32"
        if self.results[0].dtype != self.gives:
            yield f"results of dtype {self.results[0].dtype}, expected {self.gives}"
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
        count = len(inputs[0])
        x = values[self.x].reshape(count, self.steps, self.kind.gates, self.hidden)
        state = tuple(np.ascontiguousarray(self._start(values, part, count)) for part in self.state)
        y = np.empty((count, self.steps, self.hidden), np.float32)
        for t in reversed(range(self.steps)) if self.reverse else range(self.steps):
            gates = self.gates(state[0]).reshape(count, self.kind.gates, self.hidden)
            state = self.kind.step(x[:, t], gates, state)
            y[:, t] = state[0]
        return (y.reshape(count, -1), *state)

    def gates(self, h: Floats) -> Floats:
        """Return bias + weight h, [N, gates * hidden], of states [N, hidden]."""
        sums = np.zeros((len(h), len(self.weight)), np.float32)
        weight = self.weight.astype(np.float32)
        for i in range(self.hidden):
            sums += h[:, i, None] * weight[None, :, i]
        return sums + self.bias.astype(np.float32)

    def _start(self, values: dict[Value, Array], part: Operand, count: int) -> Array:
        array = values[part] if isinstance(part, Value) else part.array.astype(np.float32).reshape(1, -1)
        return np.broadcast_to(array, (count, self.hidden))

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"{self.kind.kernel} of {self.hidden}, {self.steps} steps" + (" backwards" if self.reverse else "")

    def tables(self) -> tuple[Table, ...]:
        """Return weights and bias, and first states that are constants."""
        return (
            Table("weights", "float", self.weight.T.astype(np.float32), "[state][gate]"),
            Table("bias", "float", self.bias.astype(np.float32), "one per gate"),
            *self.first_states(),
        )

    def first_states(self) -> Iterator[Table]:
        """Yield the first states that are constants."""
        for number, part in enumerate(self.state):
            if isinstance(part, Constant) and part.array.ndim:
                yield Table(f"state{number}", "float", part.array.astype(np.float32), "before the first step")

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the sums of one step."""
        return (Scratch("sums", "floats", len(self.weight)),)

    def emit(self, scope: Scope) -> list[str]:
        """Return the copy of the first state and one call."""
        scope.use(self.kind.kernel)
        states = ", ".join(scope.pointer(value) for value in self.results[1:])
        places = f"{scope.pointer(self.x)}, {scope.table('weights')}, {scope.table('bias')}, sums, {states}"
        shape = f"{self.steps}, {self.hidden}, {int(self.reverse)}"
        call = f"  {OWN}{self.kind.kernel}({shape}, {places}, {scope.pointer(self.results[0])});"
        return [*self.copy_of_state(scope), call]

    def copy_of_state(self, scope: Scope) -> list[str]:
        """Return the loop that makes the last state, of which the steps make the next one, the first."""
        lines = [
            f"    {scope.pointer(last)}[i0] = {self._element(scope, number, part)};"
            for number, (part, last) in enumerate(zip(self.state, self.results[1:], strict=True))
        ]
        return [f"  for (size_t i0 = 0; i0 < {self.hidden}; ++i0) {{", *lines, "  }"]

    def _element(self, scope: Scope, number: int, part: Operand) -> str:
        if isinstance(part, Value):
            return f"{scope.pointer(part)}[{'0' if part.size == 1 else 'i0'}]"
        return f"{scope.table(f'state{number}')}[i0]" if part.array.ndim else literal(float(part.array), "float32")


@dataclass(frozen=True, eq=False)
class IntegerRecurrence(Recurrence):
    """A loop whose products are exact sums of bytes of the state and int8 weights; gates and state are float32.

    `state_bytes`: what a byte of the state means. `unit` [gates * hidden]: what a step of each sum means. `steps_bytes`: what bytes
    of the steps' results mean; None: these are float32.
    """

    state_bytes: Bytes
    unit: Doubles
    steps_bytes: Bytes | None

    notes = IntegerLinear.notes

    @property
    def gives(self) -> DType:
        """The dtype of the steps' results."""
        return "float32" if self.steps_bytes is None else "uint8"

    @property
    def int8_form(self) -> Int8Form:
        """It has become integers."""
        return "none"

    def gates(self, h: Floats) -> Floats:
        """Return bias + weight h, [N, gates * hidden], of states [N, hidden]."""
        codes = nearest_bytes(h, 1 / self.state_bytes.scale, self.state_bytes.zero).astype(np.int64)
        return (codes @ self.weight.T + self.bias).astype(np.float32) * self.unit.astype(np.float32)

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return y [N, steps * hidden] and the last states [N, hidden]."""
        y, *last = super().compute(*inputs)
        kind = self.steps_bytes
        return (y if kind is None else nearest_bytes(y, 1 / kind.scale, kind.zero), *last)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"int8 {super().describe()}" + ("" if self.steps_bytes is None else ", to bytes")

    def tables(self) -> tuple[Table, ...]:
        """Return weights, bias, what a step of the sums means, and first states that are constants."""
        unit = Table("scale", "float", self.unit.astype(np.float32), "one per gate: what one step of the sum means")
        return (*product_tables(self.weight, self.bias), unit, *self.first_states())

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for the sums of one step, for the gates that they mean, and for the bytes of the state."""
        rows = len(self.weight)
        return (Scratch("gates", "floats", rows), Scratch("sums", "sums", rows), Scratch("codes", "bytes", self.hidden))

    def emit(self, scope: Scope) -> list[str]:
        """Return the copy of the first state and a loop over the steps."""
        step = f"{self.kind.kernel}_step"
        scope.use("quantize", step)
        h, *_ = states = [scope.pointer(value) for value in self.results[1:]]
        state, steps = _byte(scope, f"{h}[j]", self.state_bytes, "state"), _byte(scope, f"{h}[j]", self.steps_bytes, "steps")
        at = f"{self.steps - 1} - t" if self.reverse else "t"
        y = f"{scope.pointer(self.results[0])}[({at}) * {self.hidden} + j]"
        x = f"{scope.pointer(self.x)} + ({at}) * {len(self.weight)}"
        return [
            *self.copy_of_state(scope),
            *_each(self.hidden, f"codes[j] = {state};"),
            f"  for (size_t t = 0; t < {self.steps}; ++t) {{",
            f"  {product_call(scope, self.weight, 'codes')}",
            *_each(len(self.weight), f"gates[j] = (float)sums[j] * {scope.table('scale')}[j];"),
            f"  {OWN}{step}({self.hidden}, {x}, gates, {', '.join(states)});",
            *_each(self.hidden, f"codes[j] = {state};", f"{y} = {steps};"),
            "  }",
        ]


def _byte(scope: Scope, number: str, kind: Bytes | None, of: str) -> str:
    return number if kind is None else nearest_byte(scope, number, 1 / kind.scale, kind.zero, of=f"{of}_")


def _each(count: int, *lines: str) -> list[str]:
    return [f"  for (size_t j = 0; j < {count}; ++j) {{", *(f"    {line}" for line in lines), "  }"]


OPERATORS: tuple[Operator, ...] = ()
