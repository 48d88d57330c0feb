"""Powers: with a constant whole or half exponent as products and roots, else by logarithm; of integers by squaring."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.integers import INTEGERS, wrapping
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, number, operands_in, require_dtype
from torchferry.cgen.ops.arithmetic import DIV, MUL
from torchferry.cgen.ops.elementwise import SQRT
from torchferry.cgen.power import power
from torchferry.cgen.values import Array, Constant, Value

MOST = 64.0


def _whole_power(x: Array, n: Array) -> Array:
    """Return x^n whose bits wrap; to a negative power 1 and -1 only are whole, others give 0."""
    x, n = np.broadcast_arrays(x, n)
    made = np.power(x, np.where(n < 0, np.zeros_like(n), n))
    below = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (n.astype(np.int64) % 2), 0))
    return np.where(n < 0, below, made)


POW = Elementwise("pow", "model_pow({0}, {1})", power, ("pow",))
WHOLE_POW = wrapping("pow", "model_integer_power({0}, {1})", _whole_power, "integer_power")


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    dtype = require_dtype(node, "float32", *INTEGERS)
    exponent = _exponent(builder, node) if dtype == "float32" else None
    if exponent is not None:
        return _by_squaring(builder, node, exponent)
    function = POW if dtype == "float32" else WHOLE_POW(dtype)
    return builder.map(node, function, *operands_in(builder, node, dtype, node.args[:2]), dtype=dtype)


def _by_squaring(builder: Builder, node: torch.fx.Node, exponent: float) -> Value:
    """x^n by squaring, a root of x for halves, and 1 / that for exponents below 0."""
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
    assert power is not None, "_exponent gives none of 0"
    return builder.map(node, DIV, number(1.0), power) if exponent < 0 else power


def _exponent(builder: Builder, node: torch.fx.Node) -> float | None:
    """Return the constant exponent that products and roots make; None where there is another one."""
    argument = node.args[1]
    operand = builder.constant(node, argument, layout_of(node)) if argument not in builder.results else None
    if not isinstance(operand, Constant):
        return None
    exponent = float(operand.array.flat[0])
    plain = bool((operand.array == exponent).all()) and exponent != 0 and exponent * 2 % 1 == 0 and abs(exponent) <= MOST
    return exponent if plain else None


OPERATORS = (Operator(("aten.pow.Tensor_Scalar", "aten.pow.Tensor_Tensor", "aten.pow.Scalar"), _lower, ("pow",)),)
