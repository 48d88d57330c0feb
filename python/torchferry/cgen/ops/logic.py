"""Conditions put together, and questions about one number."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Lowering, Operator, require_dtype
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Value

AND = Elementwise("and", "({0} && {1})", np.logical_and, dtype="bool")
OR = Elementwise("or", "({0} || {1})", np.logical_or, dtype="bool")
XOR = Elementwise("xor", "(!{0} != !{1})", np.logical_xor, dtype="bool")
NOT = Elementwise("not", "!{0}", np.logical_not, dtype="bool")
IS_NAN = Elementwise("isnan", "({0} != {0})", np.isnan, dtype="bool")
IS_INF = Elementwise("isinf", "({0} > 0x1.fffffep+127f || {0} < -0x1.fffffep+127f)", np.isinf, dtype="bool")


def _of_conditions(function: Elementwise) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        require_dtype(node, "bool")
        operands = [builder.operand(node, argument) for argument in node.args]
        for operand in operands:
            if isinstance(operand, Value) and operand.dtype != "bool":
                raise refuse(node, f"{node.target} of {operand.dtype}", "bool; compare with 0")
        return builder.map(node, function, *operands, dtype="bool")

    return lower


def _of_number(function: Elementwise) -> Lowering:
    return lambda builder, node: builder.map(
        node, function, builder.as_float(node, builder.value(node, node.args[0])), dtype="bool"
    )


OPERATORS = (
    Operator(("aten.logical_and.default", "aten.bitwise_and.Tensor"), _of_conditions(AND), ("logical operators",)),
    Operator(("aten.logical_or.default", "aten.bitwise_or.Tensor"), _of_conditions(OR)),
    Operator(("aten.logical_xor.default", "aten.bitwise_xor.Tensor"), _of_conditions(XOR)),
    Operator(("aten.logical_not.default", "aten.bitwise_not.default"), _of_conditions(NOT)),
    Operator(("aten.isnan.default",), _of_number(IS_NAN), ("isnan",)),
    Operator(("aten.isinf.default",), _of_number(IS_INF), ("isinf",)),
)
