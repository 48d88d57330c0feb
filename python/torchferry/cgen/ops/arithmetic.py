"""Sums, differences, products and quotients, elementwise; with a constant they are scales and shifts that passes fold."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.affine import Affine
from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments, number, operands_in, require_dtype
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Constant, Doubles, DType, Operand, Value


def _add(affine: Affine, c: Doubles, first: bool) -> Affine:
    del first
    return Affine(affine.scale, affine.shift + c)


def _sub(affine: Affine, c: Doubles, first: bool) -> Affine:
    return Affine(-affine.scale, c - affine.shift) if first else Affine(affine.scale, affine.shift - c)


def _mul(affine: Affine, c: Doubles, first: bool) -> Affine:
    del first
    return Affine(affine.scale * c, affine.shift * c)


def _div(affine: Affine, c: Doubles, first: bool) -> Affine | None:
    return None if first else Affine(affine.scale / c, affine.shift / c)


ADD = Elementwise("add", "{0} + {1}", np.add, affine=_add)
SUB = Elementwise("sub", "{0} - {1}", np.subtract, affine=_sub)
MUL = Elementwise("mul", "{0} * {1}", np.multiply, affine=_mul)
DIV = Elementwise("div", "{0} / {1}", np.divide, affine=_div)

MAXIMUM = Elementwise(
    "maximum", "model_maximum({0}, {1})", lambda a, b: np.add(np.where((a > b) | np.isnan(a), a, b), np.float32(0)), ("extremes",)
)
MINIMUM = Elementwise(
    "minimum", "model_minimum({0}, {1})", lambda a, b: np.add(np.where((a < b) | np.isnan(a), a, b), np.float32(0)), ("extremes",)
)


def _binary(function: Elementwise, *allowed: DType, swapped: bool = False) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        dtype = require_dtype(node, *allowed)
        given = arguments(node)
        if given.get("rounding_mode") is not None:
            raise refuse(node, f"rounding mode {given['rounding_mode']} of {node.target}", "none")
        operands = operands_in(builder, node, dtype, node.args[:2])
        if given.get("alpha", 1) != 1:
            operands[1] = _times(builder, node, operands[1], given["alpha"], dtype)
        return builder.map(node, function, *(reversed(operands) if swapped else operands), dtype=dtype)

    return lower


def _times(builder: Builder, node: torch.fx.Node, operand: Operand, alpha: object, dtype: DType) -> Operand:
    factor = builder.constant(node, alpha, layout_of(node))
    return (
        Constant(operand.array * factor.array)
        if isinstance(operand, Constant)
        else builder.map(node, MUL, operand, factor, dtype=dtype)
    )


def _reciprocal(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    return builder.map(node, DIV, number(1.0), builder.as_float(node, builder.value(node, node.args[0])))


OPERATORS = (
    Operator(("aten.add.Tensor", "aten.add.Scalar"), _binary(ADD, "float32", "int64"), ("add",)),
    Operator(("aten.sub.Tensor", "aten.sub.Scalar"), _binary(SUB, "float32", "int64"), ("sub",)),
    Operator(("aten.rsub.Tensor", "aten.rsub.Scalar"), _binary(SUB, "float32", "int64", swapped=True)),
    Operator(("aten.mul.Tensor", "aten.mul.Scalar"), _binary(MUL, "float32", "int64"), ("mul",)),
    Operator(
        ("aten.div.Tensor", "aten.div.Scalar", "aten.div.Tensor_mode", "aten.div.Scalar_mode"), _binary(DIV, "float32"), ("div",)
    ),
    Operator(("aten.maximum.default",), _binary(MAXIMUM, "float32"), ("maximum",)),
    Operator(("aten.minimum.default",), _binary(MINIMUM, "float32"), ("minimum",)),
    Operator(("aten.reciprocal.default",), _reciprocal, ("reciprocal",)),
)
