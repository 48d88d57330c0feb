"""Conditions put together, and questions about one number."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen import integers
from torchferry.cgen.builder import Builder
from torchferry.cgen.integers import INTEGERS, Wrapping
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Lowering, Operator, operands_in, require_dtype
from torchferry.cgen.values import Value

AND = Elementwise("and", "({0} && {1})", np.logical_and, dtype="bool")
OR = Elementwise("or", "({0} || {1})", np.logical_or, dtype="bool")
XOR = Elementwise("xor", "(!{0} != !{1})", np.logical_xor, dtype="bool")
NOT = Elementwise("not", "!{0}", np.logical_not, dtype="bool")
IS_NAN = Elementwise("isnan", "({0} != {0})", np.isnan, dtype="bool")
IS_INF = Elementwise("isinf", "({0} > 0x1.fffffep+127f || {0} < -0x1.fffffep+127f)", np.isinf, dtype="bool")


def _of_conditions(function: Elementwise) -> Lowering:
    return lambda builder, node: builder.map(node, function, *operands_in(builder, node, "bool", node.args), dtype="bool")


def _of_bits(function: Elementwise, bits: Wrapping) -> Lowering:
    """Return the lowering of an operator that acts on each bit of integers: of bool there is one."""

    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        dtype = require_dtype(node, "bool", *INTEGERS)
        made = function if dtype == "bool" else bits(dtype)
        return builder.map(node, made, *operands_in(builder, node, dtype, node.args), dtype=dtype)

    return lower


def _of_number(function: Elementwise) -> Lowering:
    return lambda builder, node: builder.map(
        node, function, builder.as_float(node, builder.value(node, node.args[0])), dtype="bool"
    )


OPERATORS = (
    Operator(("aten.logical_and.default",), _of_conditions(AND), ("logical operators",)),
    Operator(("aten.logical_or.default",), _of_conditions(OR)),
    Operator(("aten.logical_xor.default",), _of_conditions(XOR)),
    Operator(("aten.logical_not.default",), _of_conditions(NOT)),
    Operator(("aten.bitwise_and.Tensor", "aten.bitwise_and.Scalar"), _of_bits(AND, integers.AND), ("bitwise operators",)),
    Operator(("aten.bitwise_or.Tensor", "aten.bitwise_or.Scalar"), _of_bits(OR, integers.OR)),
    Operator(("aten.bitwise_xor.Tensor", "aten.bitwise_xor.Scalar"), _of_bits(XOR, integers.XOR)),
    Operator(("aten.bitwise_not.default",), _of_bits(NOT, integers.NOT)),
    Operator(("aten.isnan.default",), _of_number(IS_NAN), ("isnan",)),
    Operator(("aten.isinf.default",), _of_number(IS_INF), ("isinf",)),
)
