"""Powers with a constant exponent, as products and roots."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, number, require_dtype
from torchferry.cgen.ops.arithmetic import DIV, MUL
from torchferry.cgen.ops.elementwise import SQRT
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Constant, Value

MOST = 64.0


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    """x^n by squaring, a root of x for halves, and 1 / that for exponents below 0."""
    require_dtype(node, "float32")
    exponent = _exponent(builder, node)
    x = builder.as_float(node, builder.value(node, node.args[0]))
    power = None
    whole, square = int(abs(exponent)), x
    while whole:
        if whole % 2:
            power = square if power is None else builder.map(node, MUL, power, square)
        whole //= 2
        square = builder.map(node, MUL, square, square) if whole else square
    if abs(exponent) % 1:
        root = builder.map(node, SQRT, x)
        power = root if power is None else builder.map(node, MUL, power, root)
    if power is None:
        raise refuse(node, "the exponent 0", "another one: the result is 1")
    return builder.map(node, DIV, number(1.0), power) if exponent < 0 else power


def _exponent(builder: Builder, node: torch.fx.Node) -> float:
    argument = node.args[1]
    operand = builder.constant(node, argument, layout_of(node)) if argument not in builder.results else None
    array = operand.array if isinstance(operand, Constant) else np.zeros(2)
    exponent = float(array.flat[0])
    if not (array == exponent).all() or exponent * 2 % 1 or abs(exponent) > MOST or operand is None:
        raise refuse(node, f"the exponent {argument}", f"one constant whole or half number up to {MOST:g}")
    return exponent


OPERATORS = (Operator(("aten.pow.Tensor_Scalar", "aten.pow.Tensor_Tensor"), _lower, ("pow",)),)
