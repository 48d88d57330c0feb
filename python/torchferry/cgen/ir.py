"""The intermediate representation: what one sample goes through, as nodes over values.

Shapes are per sample, without the batch. A node is a `Step`, which prints lines of its own, or a `Map`, an elementwise function
that shares a loop with its neighbours. Each operator is a subclass of `Step` or an `Elementwise` in `ops/`; passes and printers
ask a node what it can do and know no operator by name. Numbers in constants are float64 while passes fold them and are rounded
once, when the C is printed or the definition runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from torchferry.cgen.affine import Affine
from torchferry.cgen.scales import Bytes, Finish
from torchferry.cgen.target import Scope, Scratch, Table
from torchferry.cgen.values import Array, Constant, Doubles, DType, Operand, Value

AffineRule = Callable[[Affine, Doubles, bool], Affine | None]

# What a step is in an int8 graph. A product reads bytes, or int16 of a sound, quantised for it if need be; a total reads bytes that
# are there; both give bytes or float32. A loop reads float32 and gives bytes or float32 of its steps. What moves bytes, or picks
# some, gives bytes of the same meaning. The rest computes in float32.
Int8Form = Literal["product", "total", "loop", "same", "none"]


class Step(ABC):
    """A node that prints C of its own. Subclasses are frozen dataclasses compared by identity.

    `compute` is the definition: the C gives its bits. What has a default is an offer to a pass that most operators decline.
    """

    label: str  # the path of the user's module
    takes_bytes: ClassVar[bool] = False  # can its first input be uint8 in place of the same numbers in float32
    notes: ClassVar[tuple[str, ...]] = ()  # sentences about its arithmetic in the comment at the top of the C

    # ---- the graph ----

    @property
    @abstractmethod
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Value, ...]:
        """What it writes."""

    @abstractmethod
    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the shapes and dtypes of its values and weights."""

    @abstractmethod
    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the outputs [N, size] of inputs [N, size] with the rounding steps of the C."""

    @abstractmethod
    def describe(self) -> str:
        """Name it for the list of layers: `Linear 784 -> 100`."""

    @property
    def int8_form(self) -> Int8Form:
        """What it is in an int8 graph: see `in_integers` and `over_bytes`."""
        return "none"

    # ---- memory ----

    @property
    def part(self) -> int | None:
        """Elements of the output that `emit_part` computes at a time, in the order of the output; None: all at once or none."""
        return None

    @property
    def run_of_input(self) -> tuple[Value, int] | None:
        """The value of which the output is one run of elements, and the first of them; None where it is not so."""
        return None

    @property
    def runs_of_output(self) -> Mapping[Value, int]:
        """The values that become, whole and in their order, one run of the output, and at which element it starts."""
        return {}

    # ---- C ----

    @property
    def skips_zeros(self) -> bool:
        """Whether it has other code for inputs many of whose elements are zero."""
        return False

    def tables(self) -> tuple[Table, ...]:
        """Return its constant arrays; empty ones are not printed."""
        return ()

    def scratch(self) -> tuple[Scratch, ...]:
        """Return the memory that it needs while it runs."""
        return ()

    @abstractmethod
    def emit(self, scope: Scope) -> list[str]:
        """Return the lines that compute the outputs of one sample."""

    def emit_part(self, scope: Scope) -> list[str]:
        """Return the lines that compute part `row` of the output of one sample. Called where `part` is a number."""
        raise NotImplementedError(scope)

    def emit_four(self, scope: Scope) -> list[str] | None:
        """Return the lines for four samples, whose pointers are arrays of four; None where one by one is as fast."""
        del scope
        return None

    def promises(self, caller: tuple[Value, ...]) -> Iterator[str]:
        """Yield what the comment at the top says of inputs that are no ordinary numbers. `caller`: the graph's inputs."""
        del caller
        return iter(())

    # ---- passes ----

    def followed_by(self, affine: Affine, output: Value) -> Step | None:
        """Return this node with a scale and shift of its output taken into its weights; None where that cannot be."""
        del affine, output
        return None

    def preceded_by(self, x: Value, affine: Affine) -> tuple[Node, ...] | None:
        """Return nodes that give the same of x as this one of affine(x); None where that cannot be."""
        del x, affine
        return None

    def finished_by(self, node: Map) -> Step | None:
        """Return this node with an elementwise function of its output alone as its own last step; None where it has none such."""
        del node
        return None

    def with_channels_last(self, twins: Mapping[Value, Value]) -> Step | None:
        """Return this node with `twins` in place of values: the same elements, their first dim last. None where it cannot be."""
        del twins
        return None

    def reading(self, x: Value) -> Step:
        """Return this node with another first input. Called where `takes_bytes`."""
        raise NotImplementedError(x.name)

    def knowing_zeros(self, often_zero: frozenset[Value]) -> Step:
        """Return this node in the form for inputs many of whose elements are zero."""
        del often_zero
        return self

    def in_integers(self, quantizer: Quantizer) -> None:
        """Add the int8 form of this node to `quantizer`. Called for products, totals and loops."""
        raise NotImplementedError(quantizer)

    def over_bytes(self, twins: Mapping[Value, Value], kind: Bytes) -> Step:
        """Return this node with bytes that mean `kind` in place of its float32 values. Called for the form `same`."""
        raise NotImplementedError(twins, kind)


class OneToOne(Step):
    """A step from one value to one value."""

    x: Value
    output: Value

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.x,)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What it writes."""
        return (self.output,)


@dataclass(frozen=True)
class Elementwise:
    """A function of numbers: `c` has {0}, {1} ... for the operands, `numpy` takes the same rounding steps.

    `uses`: the files of `kernels/` that `c` calls. `dtype`: of the result; None: that of the operands. `makes_zeros`: the result is
    exactly zero for a whole range of arguments. `clamps`: it keeps its first operand between limits, as the ends of bytes do.
    `widens`: it keeps the number and changes the dtype. `rounds`: it gives the nearest whole number. `affine`: how it continues a
    scale and shift, with a constant operand that may stand first. `terms`: of a sum of operands the factor of each. `grid`: of its
    constants the bytes that stand for all that it gives.
    """

    name: str
    c: str
    numpy: Callable[..., Any]
    uses: tuple[str, ...] = ()
    dtype: DType | None = None
    makes_zeros: bool = False
    clamps: bool = False
    widens: bool = False
    rounds: bool = False
    affine: AffineRule | None = None
    terms: tuple[int, ...] = ()
    grid: Callable[..., Bytes | None] | None = None


@dataclass(frozen=True, eq=False)
class Map:
    """An elementwise function of operands that have the output's size, or one element."""

    function: Elementwise
    operands: tuple[Operand, ...]
    output: Value
    label: str

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The operands that are not constants."""
        return tuple(operand for operand in self.operands if isinstance(operand, Value))

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The one output."""
        return (self.output,)

    @property
    def operand_dtype(self) -> DType:
        """The dtype in which the operands meet, constants too: a condition is a bool beside it."""
        return next((value.dtype for value in self.inputs if value.dtype != "bool"), self.output.dtype)

    @property
    def grid(self) -> Bytes | None:
        """What bytes mean that stand for every number that the node can give; None where none do."""
        constants = [operand for operand in self.operands if isinstance(operand, Constant)]
        return self.function.grid(*constants) if self.function.grid is not None else None

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with sizes and dtypes."""
        if not self.inputs:
            yield "no operand depends on an input"
        for operand in self.operands:
            size = operand.size if isinstance(operand, Value) else operand.array.size
            if size not in (1, self.output.size):
                yield f"an operand of {size} elements for an output of {self.output.size}"
        if self.function.dtype is not None and self.output.dtype != self.function.dtype:
            yield f"a result of dtype {self.output.dtype}, expected {self.function.dtype}"
        met = {value.dtype for value in self.inputs} - {"bool"}
        if len(met) > 1:
            yield f"operands of dtypes {' and '.join(sorted(met))}"

    def apply(self, values: Mapping[Value, Array]) -> Array:
        """Compute the function of arrays of any shape."""

        def load(operand: Operand) -> Array:
            return values[operand] if isinstance(operand, Value) else operand.array.astype(self.operand_dtype)

        return np.asarray(self.function.numpy(*(load(operand) for operand in self.operands)))

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return the output [N, size] of inputs [N, size] with the rounding steps of the C."""
        result = self.apply(dict(zip(self.inputs, inputs, strict=True))).astype(self.output.dtype)
        return (np.broadcast_to(result, (len(inputs[0]), self.output.size)),)

    def stored(self, constant: Constant) -> Array:
        """Return a constant operand that is no scalar, as its table holds it."""
        return constant.array.astype(np.float32 if self.operand_dtype == "float32" else np.int64)

    def continues(self, affine: Affine) -> Affine | None:
        """Return the scale and shift followed by this node; None where it is none with a constant, in float32."""
        rule, constants = self.function.affine, [o for o in self.operands if isinstance(o, Constant)]
        if rule is None or self.output.dtype != "float32" or len(self.inputs) != 1 or len(constants) != 1:
            return None
        return rule(affine, constants[0].array, isinstance(self.operands[0], Constant))


Node = Step | Map


class Quantizer(Protocol):
    """What the pass to int8 offers to `Step.in_integers`; `passes/quantize.py` has it."""

    def add(self, node: Node) -> None:
        """Append a node to the int8 graph."""

    def operand(self, step: Step, rows: int, columns: int) -> tuple[Value, Bytes, Doubles]:
        """Return bytes or int16 [rows, columns] for the step's first input, their meaning, and what to subtract [columns] from that."""

    def bytes_of(self, step: Step) -> tuple[Value, Bytes]:
        """Return bytes, or int16 of sound, for the step's first input and what they mean; 0 is exactly one of them."""

    def finish(self, output: Value, unit: Doubles) -> tuple[Finish, Value]:
        """Return what becomes of sums for `output`, of which one step of each column means `unit` [columns], and the value that it gives."""

    def steps_of(self, output: Value, start: Operand) -> tuple[Bytes, Value, Bytes | None]:
        """Return what bytes of a loop's state mean, what the loop gives for its steps `output`, and what that means.

        `start` is the state before the first step. The last is None where the steps are float32.
        """


@dataclass(frozen=True)
class ModuleValue:
    """What call number `call` of the user's module at `path` gives, or (`into`) is given: `shape` of a sample of the captured `value`."""

    path: str
    call: int
    into: bool
    shape: tuple[int, ...]
    value: Value


@dataclass(frozen=True)
class Twin:
    """What a pass has put in the place of a value: its elements with the first dim last, or bytes that mean `kind`."""

    of: Value
    channels_last: bool = False
    kind: Bytes | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in the order in which they run. `outputs` are in contract order; two may be one value, in two `shapes`.

    `modules`: what modules gave when the graph was captured; `twins`: what passes have put in the place of values.
    """

    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    shapes: tuple[tuple[int, ...], ...]
    modules: tuple[ModuleValue, ...] = ()
    twins: Mapping[Value, Twin] = field(default_factory=dict)

    def uses(self) -> dict[Value, int]:
        """Count how often each value is read, as an operand or as an output."""
        counts: dict[Value, int] = {}
        for value in (*(value for node in self.nodes for value in node.inputs), *self.outputs):
            counts[value] = counts.get(value, 0) + 1
        return counts

    def producer(self) -> dict[Value, Node]:
        """Return the node that gives each value."""
        return {value: node for node in self.nodes for value in node.outputs}

    def readers(self) -> dict[Value, list[Node]]:
        """Return the nodes that read each value, once per operand."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                found.setdefault(value, []).append(node)
        return found
