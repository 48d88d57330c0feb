"""Sums, differences, products and quotients, elementwise; with a constant they are scales and shifts that passes fold."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen import integers
from torchferry.cgen.affine import Affine
from torchferry.cgen.builder import Builder
from torchferry.cgen.integers import INTEGERS, Wrapping
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Lowering, Operator, arguments, number, operands_in, require_dtype
from torchferry.cgen.ops.logic import AND, OR
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


ADD = Elementwise("add", "{0} + {1}", np.add, affine=_add, terms=(1, 1))
SUB = Elementwise("sub", "{0} - {1}", np.subtract, affine=_sub, terms=(1, -1))
MUL = Elementwise("mul", "{0} * {1}", np.multiply, affine=_mul)
DIV = Elementwise("div", "{0} / {1}", np.divide, affine=_div)

MAXIMUM = Elementwise(
    "maximum", "model_maximum({0}, {1})", lambda a, b: np.add(np.where((a > b) | np.isnan(a), a, b), np.float32(0)), ("extremes",)
)
MINIMUM = Elementwise(
    "minimum", "model_minimum({0}, {1})", lambda a, b: np.add(np.where((a < b) | np.isnan(a), a, b), np.float32(0)), ("extremes",)
)


def _binary(function: Elementwise, whole: Wrapping, of_bool: Elementwise | None = None, *, swapped: bool = False) -> Lowering:
    """Return the lowering to `function` of float32, `whole` of integers and `of_bool`."""

    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        dtype = require_dtype(node, "float32", *INTEGERS, *(("bool",) if of_bool else ()))
        made = function if dtype == "float32" else of_bool if dtype == "bool" and of_bool is not None else whole(dtype)
        given = arguments(node)
        operands = operands_in(builder, node, dtype, node.args[:2])
        if given.get("alpha", 1) != 1:
            operands[1] = _times(builder, node, operands[1], given["alpha"], dtype)
        return builder.map(node, made, *(reversed(operands) if swapped else operands), dtype=dtype)

    return lower


def _times(builder: Builder, node: torch.fx.Node, operand: Operand, alpha: object, dtype: DType) -> Operand:
    factor = builder.constant(node, alpha, layout_of(node))
    product = MUL if dtype == "float32" else integers.MUL(dtype)
    return (
        Constant(operand.array * factor.array)
        if isinstance(operand, Constant)
        else builder.map(node, product, operand, factor, dtype=dtype)
    )


def _divide(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    return builder.map(node, DIV, *operands_in(builder, node, "float32", node.args[:2]))


def _reciprocal(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    return builder.map(node, DIV, number(1.0), builder.as_float(node, builder.value(node, node.args[0])))


OPERATORS = (
    Operator(("aten.add.Tensor", "aten.add.Scalar"), _binary(ADD, integers.ADD, OR), ("add",)),
    Operator(("aten.sub.Tensor", "aten.sub.Scalar"), _binary(SUB, integers.SUB), ("sub",)),
    Operator(("aten.rsub.Tensor", "aten.rsub.Scalar"), _binary(SUB, integers.SUB, swapped=True)),
    Operator(("aten.mul.Tensor", "aten.mul.Scalar"), _binary(MUL, integers.MUL, AND), ("mul",)),
    Operator(("aten.div.Tensor", "aten.div.Scalar"), _divide, ("div",)),
    Operator(("aten.maximum.default",), _binary(MAXIMUM, integers.MAXIMUM, OR), ("maximum",)),
    Operator(("aten.minimum.default",), _binary(MINIMUM, integers.MINIMUM, AND), ("minimum",)),
    Operator(("aten.reciprocal.default",), _reciprocal, ("reciprocal",)),
)
