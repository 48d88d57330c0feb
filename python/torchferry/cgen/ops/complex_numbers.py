"""Arithmetic of complex numbers, part by part, and what makes complex numbers real and back."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.complex_parts import Parts, operands, parts
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import first_result, layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments
from torchferry.cgen.ops.arithmetic import ADD, DIV, MUL, SUB
from torchferry.cgen.ops.elementwise import SQRT
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Value

NEG = Elementwise("neg", "-{0}", np.negative)
ZERO = Elementwise("zero", "model_abs(model_copysign(0.0f, {0}))", np.zeros_like, ("abs", "copysign"))


def _sum(function: Elementwise) -> Lowering:
    """Return the lowering of a sum or difference: a real operand leaves the imaginary part."""

    def lower(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
        if arguments(node).get("alpha", 1) != 1:
            raise refuse(node, f"{node.target} of complex numbers with alpha", "none")
        (a, b), (c, d) = (operands(builder, node, argument) for argument in node.args[:2])
        real = builder.map(node, function, a, c)
        if b is not None and d is not None:
            return real, builder.map(node, function, b, d)
        if b is None:
            assert d is not None, "one operand is complex"
            return real, builder.map(node, NEG, d) if function is SUB else _value(node, d)
        return real, _value(node, b)

    return lower


def _value(node: torch.fx.Node, operand: object) -> Value:
    if not isinstance(operand, Value):
        raise refuse(node, f"{node.target} of a constant", "complex numbers that depend on an input")
    return operand


def _multiply(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    """Return (ac - bd) + (ad + bc)i of (a + bi)(c + di); a real factor multiplies each part."""
    (a, b), (c, d) = (operands(builder, node, argument) for argument in node.args[:2])
    if b is not None and d is not None:
        real = builder.map(node, SUB, builder.map(node, MUL, a, c), builder.map(node, MUL, b, d))
        return real, builder.map(node, ADD, builder.map(node, MUL, a, d), builder.map(node, MUL, b, c))
    other = d if b is None else b
    assert other is not None, "one operand is complex"
    return builder.map(node, MUL, a, c), builder.map(node, MUL, *((a, other) if b is None else (other, c)))


def _divide(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    (a, b), (c, d) = (operands(builder, node, argument) for argument in node.args[:2])
    if b is None or d is not None:
        raise refuse(node, f"{node.target} by complex numbers", "by real ones")
    return builder.map(node, DIV, a, c), builder.map(node, DIV, b, c)


def _absolute(builder: Builder, node: torch.fx.Node) -> Value:
    """sqrt(a a + b b), which overflows where a square does."""
    squares = [builder.map(node, MUL, part, part) for part in parts(builder, node, node.args[0])]
    return builder.map(node, SQRT, builder.map(node, ADD, squares[0], squares[1]))


def _negative(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    return tuple(builder.map(node, NEG, part) for part in parts(builder, node, node.args[0]))


def _conjugate(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    real, imaginary = parts(builder, node, node.args[0])
    return real, builder.map(node, NEG, imaginary)


def _as_real(builder: Builder, node: torch.fx.Node) -> Value:
    """Return the parts side by side, as a last dim of two."""
    both, layout = parts(builder, node, node.args[0]), layout_of(node)
    pieces = []
    for part, value in enumerate(both):
        index = np.full((value.size, 2), -1, np.int64)
        index[:, part] = np.arange(value.size)
        pieces.append(piece_of(part, index.reshape(layout.shape)))
    return builder.copy(node, "view_as_real", both, tuple(pieces), layout.value_shape, "float32", node.name)


def _as_complex(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    """Return both elements of a last dim of two as parts."""
    source = node.args[0]
    assert isinstance(source, torch.fx.Node), "a view of a tensor"
    x, layout = builder.as_float(node, builder.value(node, source)), layout_of(node)
    index = np.arange(x.size, dtype=np.int64).reshape(*layout.shape, 2)
    made = [
        builder.copy(node, "view_as_complex", (x,), (piece_of(0, index[..., part]),), layout.value_shape, "float32", node.name)
        for part in range(2)
    ]
    return tuple(made)


def _part(which: int) -> Lowering:
    return lambda builder, node: parts(builder, node, node.args[0])[which]


def _together(builder: Builder, node: torch.fx.Node) -> Parts:
    real, imaginary = (operands(builder, node, argument)[0] for argument in node.args[:2])
    return _value(node, real), _value(node, imaginary)


def _convert(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    """Return real numbers with an imaginary part of 0, and complex ones as they are."""
    source = node.args[0]
    if not first_result(node).dtype.is_complex:
        raise refuse(node, "a conversion of complex numbers to real ones", "torch.real, or torch.abs")
    if isinstance(source, torch.fx.Node) and first_result(source).dtype.is_complex:
        return parts(builder, node, source)
    x = builder.as_float(node, builder.value(node, source))
    return x, builder.map(node, ZERO, x)


OPERATORS: tuple[Operator, ...] = ()
OF_COMPLEX = (
    Operator(("aten.add.Tensor", "aten.add.Scalar"), _sum(ADD), ("complex arithmetic",)),
    Operator(("aten.sub.Tensor", "aten.sub.Scalar"), _sum(SUB)),
    Operator(("aten.mul.Tensor", "aten.mul.Scalar"), _multiply),
    Operator(("aten.div.Tensor", "aten.div.Scalar"), _divide),
    Operator(("aten.abs.default",), _absolute),
    Operator(("aten.neg.default",), _negative),
    Operator(
        ("aten.conj.default", "aten._conj.default", "aten.conj_physical.default", "aten._conj_physical.default"), _conjugate
    ),
    Operator(("aten.view_as_real.default", "aten.view_as_real_copy.default"), _as_real, ("view_as_real",)),
    Operator(("aten.view_as_complex.default", "aten.view_as_complex_copy.default"), _as_complex, ("view_as_complex",)),
    Operator(("aten.real.default",), _part(0)),
    Operator(("aten.imag.default",), _part(1)),
    Operator(("aten.complex.default",), _together),
    Operator(("aten.to.dtype", "aten._to_copy.default"), _convert),
)
