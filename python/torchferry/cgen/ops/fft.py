"""Fourier transforms of one fixed size, of which STFT is made. The plan is fixed: it defines the order of every sum.

The size is split into its prime factors in rising order. A stage of factor r joins r transforms of `length` to one of r length:
y[j][k] = x[j][k] + sum over q = 1 .. r - 1, in this order, of w^(q k m) x[j + q m][k], where m is the number of transforms that
are left and w^t = cos + i sin of 2 pi t / n, each rounded once from float64 to a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.complex_parts import Parts, parts
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.ir import Step
from torchferry.cgen.layout import Layout, layout_of
from torchferry.cgen.lowering import Operator, arguments, number, with_last
from torchferry.cgen.ops.arithmetic import MUL
from torchferry.cgen.ops.complex_numbers import NEG, ZERO
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.target import Scope, Scratch, Table, over_rows
from torchferry.cgen.text import OWN
from torchferry.cgen.values import Array, Floats, Shape, Value

MOST = 1 << 16


def factors(n: int) -> list[int]:
    """Return the prime factors of n in rising order."""
    found = []
    for prime in range(2, n + 1):
        while n % prime == 0:
            found.append(prime)
            n //= prime
    return found


@dataclass(frozen=True, eq=False)
class Fft(Step):
    """The first `kept` numbers of the transform of each row of n; without `imaginary` the input is real."""

    real: Value
    imaginary: Value | None
    n: int
    kept: int
    inverse: bool
    results: Parts
    label: str

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""
        return (self.real,) if self.imaginary is None else (self.real, self.imaginary)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """Both parts."""
        return self.results

    @property
    def rows(self) -> int:
        """Rows per sample."""
        return self.real.size // self.n

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with shapes and dtypes."""
        for value, width in (*((value, self.n) for value in self.inputs), *((value, self.kept) for value in self.results)):
            if value.dtype != "float32" or value.size != self.rows * width:
                yield f"{value.size} elements of {value.dtype}, expected {self.rows * width} of float32"

    def turns(self) -> Floats:
        """Return cosines and sines [n, 2] of 2 pi k / n; where they are 0 in theory they are 0."""
        angles = 2 * np.pi * np.arange(self.n) / self.n
        exact = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return np.where(np.abs(exact) < 1e-15, 0.0, exact).astype(np.float32)

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return both parts [N, rows * kept] of inputs [N, rows * n]."""
        real = inputs[0].reshape(-1, self.n, 1)
        imaginary = inputs[1].reshape(-1, self.n, 1) if len(inputs) > 1 else np.zeros_like(real)
        turns, length = self.turns(), 1
        for factor in factors(self.n):
            left = self.n // (length * factor)
            a, b = (np.tile(part[:, :left], (1, 1, factor)) for part in (real, imaginary))
            for q in range(1, factor):
                x, y = (np.tile(part[:, q * left : (q + 1) * left], (1, 1, factor)) for part in (real, imaginary))
                cosine, sine = turns[q * np.arange(length * factor) * left % self.n].T
                sine = sine if self.inverse else -sine
                a, b = a + (x * cosine - y * sine), b + (x * sine + y * cosine)
            real, imaginary, length = a, b, length * factor
        return tuple(part.reshape(-1, self.n)[:, : self.kept].reshape(len(inputs[0]), -1) for part in (real, imaginary))

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"{'inverse ' if self.inverse else ''}FFT of {self.n}"

    def tables(self) -> tuple[Table, ...]:
        """Return the factors, and the turns."""
        primes = np.array(factors(self.n) or [1], np.uint16)
        return Table("factors", "uint16_t", primes, "of the size"), Table("turns", "float", self.turns(), "[k][cosine, sine]")

    def scratch(self) -> tuple[Scratch, ...]:
        """Return room for two stages of one row."""
        return (Scratch("stages", "floats", 4 * self.n),)

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row."""
        scope.use("fft")
        row = [scope.row(value, self.rows, self.n) for value in self.inputs]
        made = [scope.row(value, self.rows, self.kept) for value in self.results]
        plan = f"&(const {OWN}fft_plan){{{self.n}, {self.kept}, {len(factors(self.n))}, {int(self.inverse)}}}"
        tables = f"{scope.table('factors')}, {scope.table('turns')}"
        return over_rows(
            self.rows,
            [f"  {OWN}fft({plan}, {tables}, {row[0]}, {row[1] if len(row) > 1 else 'NULL'}, {', '.join(made)}, stages);"],
        )


def _along(
    builder: Builder, node: torch.fx.Node, both: tuple[Value, Value | None], layout: Layout, dim: int, kept: int, *, inverse: bool
) -> tuple[Parts, Layout]:
    """Add the transform along one dim of complex numbers in a layout; returns both parts, and the layout with `kept` elements there."""
    index, n = with_last(node, layout, dim)
    if n > MOST:
        raise refuse(node, f"{node.target} of {n} elements", f"at most {MOST}")
    shape = tuple(size for place, size in enumerate(layout.shape) if place != dim % len(layout.shape))
    given = [value if value is None or index is None else _copied(builder, node, value, index, index.shape) for value in both]
    results = (Value(f"{node.name}_real", (*shape, kept), "float32"), Value(f"{node.name}_imaginary", (*shape, kept), "float32"))
    assert given[0] is not None, "numbers have a real part"
    builder.nodes.append(Fft(given[0], given[1], n, kept, inverse, results, module_path(node)))
    made = Layout(
        tuple(kept if place == dim % len(layout.shape) else size for place, size in enumerate(layout.shape)), layout.batch
    )
    if index is None:
        return results, made
    back = np.moveaxis(np.arange(results[0].size, dtype=np.int64).reshape(*shape, kept), -1, dim % len(layout.shape))
    moved = [_copied(builder, node, value, back, made.value_shape) for value in results]
    return (moved[0], moved[1]), made


def _copied(builder: Builder, node: torch.fx.Node, value: Value, index: Array, shape: Shape) -> Value:
    return builder.copy(node, "permute", (value,), (piece_of(0, index),), shape, "float32", f"{value.name}_moved")


def _scaled(builder: Builder, node: torch.fx.Node, values: Sequence[Value], mode: int, count: int) -> tuple[Value, ...]:
    """Return the values by torch's norm: 0 as they are, 1 divided by the root of the count, 2 by the count."""
    factor = (1.0, 1.0 / math.sqrt(count), 1.0 / count)[mode]
    return tuple(values) if mode == 0 else tuple(builder.map(node, MUL, value, number(factor)) for value in values)


def _of_real(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    given, source = arguments(node), node.args[0]
    assert isinstance(source, torch.fx.Node), "a transform of a tensor"
    layout, dims = layout_of(source), list(given["dim"])
    count = math.prod(layout.shape[dim] for dim in dims)
    kept = layout.shape[dims[-1]] // 2 + 1 if given["onesided"] else layout.shape[dims[-1]]
    x = builder.as_float(node, builder.value(node, source))
    both, layout = _along(builder, node, (x, None), layout, dims[-1], kept, inverse=False)
    for dim in dims[:-1]:
        both, layout = _along(builder, node, both, layout, dim, layout.shape[dim], inverse=False)
    return _scaled(builder, node, both, given["normalization"], count)


def _of_complex(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    given, source = arguments(node), node.args[0]
    assert isinstance(source, torch.fx.Node), "a transform of a tensor"
    both, layout = parts(builder, node, source), layout_of(source)
    for dim in given["dim"]:
        both, layout = _along(builder, node, both, layout, dim, layout.shape[dim], inverse=not given["forward"])
    return _scaled(builder, node, both, given["normalization"], math.prod(layout.shape[dim] for dim in given["dim"]))


def _to_real(builder: Builder, node: torch.fx.Node) -> Value:
    """Return the real part of the inverse transform of numbers whose other half is their mirrored conjugate."""
    given, source = arguments(node), node.args[0]
    assert isinstance(source, torch.fx.Node), "a transform of a tensor"
    both, layout = parts(builder, node, source), layout_of(source)
    *others, last = given["dim"]
    n = int(given["last_dim_size"])
    for dim in others:
        both, layout = _along(builder, node, both, layout, dim, layout.shape[dim], inverse=True)
    mirrored = _mirrored(builder, node, both, layout, last, n)
    layout = Layout(tuple(n if dim == last % len(layout.shape) else size for dim, size in enumerate(layout.shape)), layout.batch)
    count = math.prod(layout.shape[dim] for dim in given["dim"])
    both, layout = _along(builder, node, mirrored, layout, last, n, inverse=True)
    return _scaled(builder, node, both[:1], given["normalization"], count)[0]


def _mirrored(builder: Builder, node: torch.fx.Node, both: Parts, layout: Layout, dim: int, n: int) -> Parts:
    """Return all n numbers along a dim: those from the middle on are mirrored, and the ends have no imaginary part."""
    at = np.minimum(np.arange(n), n - np.arange(n))
    index = np.arange(both[0].size, dtype=np.int64).reshape(layout.shape).take(at, axis=dim)
    shape = Layout(index.shape, layout.batch).value_shape
    place = np.arange(n).reshape([-1 if axis == dim % index.ndim else 1 for axis in range(index.ndim)])
    kinds = np.where((place == 0) | (2 * place == n), 2, np.where(2 * place > n, 1, 0)) + np.zeros_like(index)
    negative = builder.apply(node, NEG, (both[1],), Value(f"{node.name}_conjugate", both[1].shape, "float32"))
    zero = builder.apply(node, ZERO, (both[1],), Value(f"{node.name}_zero", both[1].shape, "float32"))
    sources = (both[1], negative, zero)
    used = [kind for kind in range(3) if (kinds == kind).any()]
    pieces = tuple(piece_of(number, np.where(kinds == kind, index, -1)) for number, kind in enumerate(used))
    imaginary = builder.copy(
        node, "mirror", tuple(sources[kind] for kind in used), pieces, shape, "float32", f"{node.name}_sines"
    )
    real = builder.copy(node, "mirror", (both[0],), (piece_of(0, index),), shape, "float32", f"{node.name}_cosines")
    return real, imaginary


OPERATORS: tuple[Operator, ...] = ()
OF_COMPLEX = (
    Operator(("aten._fft_r2c.default",), _of_real, ("FFT", "STFT")),
    Operator(("aten._fft_c2c.default",), _of_complex),
    Operator(("aten._fft_c2r.default",), _to_real),
)
