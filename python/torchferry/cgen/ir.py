"""The intermediate representation: what one sample goes through, as a list of nodes over immutable values.

Shapes are per sample, without the batch. Numbers in constants are float64 while passes fold them and are rounded to
float32 once, when the C is printed or the reference runs. In an int8 graph `quantize` has put the integers in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Value:
    """An array that a node gives or the caller gives; compared by identity."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Elements per sample."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Constant:
    """A scalar (shape ()) or one number per element of a sample (shape [size])."""

    array: Doubles


Operand = Value | Constant


@dataclass(frozen=True, eq=False)
class Map:
    """An elementwise function; `operator` is a key of `elementwise.OPERATORS`. All values have the output's size, or one element."""

    operator: str
    operands: tuple[Operand, ...]
    output: Value
    label: str

    @property
    def values(self) -> tuple[Value, ...]:
        """The operands that are not constants."""
        return tuple(operand for operand in self.operands if isinstance(operand, Value))

    @property
    def operand_dtype(self) -> str:
        """The dtype in which the operands meet, constants too: a condition is a bool beside it."""
        return next((value.dtype for value in self.values if value.dtype != "bool"), self.output.dtype)

    def stored(self, constant: Constant) -> NDArray[Any]:
        """A constant operand that is no scalar, as its table holds it."""
        return constant.array.astype(np.float32 if self.operand_dtype == "float32" else np.int64)


class Product:
    """A matrix product over the rows of x, a matrix [rows, inputs]. `weight` is [outputs, inputs]."""

    x: Value
    weight: NDArray[Any]

    @property
    def values(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.x,)

    @property
    def inputs(self) -> int:
        """Columns of x."""
        return int(self.weight.shape[1])

    @property
    def outputs(self) -> int:
        """Columns of the output."""
        return int(self.weight.shape[0])

    @property
    def rows(self) -> int:
        """Rows of x per sample, 1 for a plain vector."""
        return self.x.size // self.inputs


@dataclass(frozen=True, eq=False)
class Linear(Product):
    """output[row] = weight x[row] + bias, in float32."""

    x: Value
    weight: Doubles
    bias: Doubles
    output: Value
    label: str


@dataclass(frozen=True, eq=False)
class Quantize:
    """float32 -> bytes: round(x * inverse) + zero, kept within 0..255; a NaN counts as 0."""

    x: Value
    inverse: float
    zero: int
    output: Value
    label: str

    @property
    def values(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.x,)


@dataclass(frozen=True, eq=False)
class ToBytes:
    """Sums -> bytes in integers: index = (sum * multiplier[column] + offset) >> shift, kept within 0..last; then table[index].

    An empty table: the index is the byte. `operators` are the elementwise functions that the step stands for.
    """

    multiplier: Integers
    offset: int
    shift: int
    table: Integers
    operators: tuple[str, ...]

    @property
    def last(self) -> int:
        """The largest index."""
        return len(self.table) - 1 if len(self.table) else 255


@dataclass(frozen=True, eq=False)
class ToFloats:
    """Sums -> float32: (float) sum * scale[column]."""

    scale: Doubles


@dataclass(frozen=True, eq=False)
class IntegerLinear(Product):
    """sums[row] = weight x[row] + bias, exact in 32 bits, from bytes and signed bytes; `finish` makes the output of them."""

    x: Value
    weight: Integers
    bias: Integers
    finish: ToBytes | ToFloats
    output: Value
    label: str


@dataclass(frozen=True, eq=False)
class Softmax:
    """Softmax, or its logarithm, over rows of `width` elements."""

    x: Value
    width: int
    logarithm: bool
    output: Value
    label: str

    @property
    def values(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.x,)


@dataclass(frozen=True, eq=False)
class Argmax:
    """The index of the first largest of each row of `width` elements; a NaN counts as the largest."""

    x: Value
    width: int
    output: Value
    label: str

    @property
    def values(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.x,)


Node = Map | Linear | Softmax | Argmax | Quantize | IntegerLinear


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in the order in which they run. `outputs` are in contract order; two may be one value, in two shapes."""

    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    shapes: tuple[tuple[int, ...], ...]

    def uses(self) -> dict[Value, int]:
        """How often each value is read, as an operand or as an output."""
        counts: dict[Value, int] = {}
        for node in self.nodes:
            for value in node.values:
                counts[value] = counts.get(value, 0) + 1
        for value in self.outputs:
            counts[value] = counts.get(value, 0) + 1
        return counts

    def producer(self) -> dict[Value, Node]:
        """Which node gives each value."""
        return {node.output: node for node in self.nodes}
