"""Sums, differences, products and quotients, elementwise; with a constant they are scales and shifts that passes fold."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.affine import Affine
from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Lowering, Operator, arguments, number, operands_in, require_dtype
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Doubles, DType, Value


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


def _binary(function: Elementwise, *allowed: DType, swapped: bool = False) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        dtype = require_dtype(node, *allowed)
        given = arguments(node)
        if given.get("alpha", 1) != 1:
            raise refuse(node, f"alpha {given['alpha']} of {node.target}", "1")
        if given.get("rounding_mode") is not None:
            raise refuse(node, f"rounding mode {given['rounding_mode']} of {node.target}", "none")
        operands = operands_in(builder, node, dtype, node.args[:2])
        return builder.map(node, function, *(reversed(operands) if swapped else operands), dtype=dtype)

    return lower


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
    Operator(("aten.reciprocal.default",), _reciprocal, ("reciprocal",)),
)
