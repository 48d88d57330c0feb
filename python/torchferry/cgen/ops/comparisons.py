"""Comparisons, which give bool."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Lowering, Operator, operands_in
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import DType, Value


def _comparison(function: Elementwise) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        values = [builder.results[argument][0] for argument in node.all_input_nodes if argument in builder.results]
        dtype: DType = "int64" if all(value.dtype == "int64" for value in values) else "float32"
        if any(value.dtype == "int64" for value in values) and dtype != "int64":
            raise refuse(node, f"{node.target} between int64 and float32", "one dtype on both sides")
        return builder.map(node, function, *operands_in(builder, node, dtype, node.args[:2]), dtype="bool")

    return lower


FUNCTIONS = (
    Elementwise("gt", "{0} > {1}", np.greater, dtype="bool"),
    Elementwise("ge", "{0} >= {1}", np.greater_equal, dtype="bool"),
    Elementwise("lt", "{0} < {1}", np.less, dtype="bool"),
    Elementwise("le", "{0} <= {1}", np.less_equal, dtype="bool"),
    Elementwise("eq", "{0} == {1}", np.equal, dtype="bool"),
    Elementwise("ne", "{0} != {1}", np.not_equal, dtype="bool"),
)
OPERATORS = tuple(
    Operator((f"aten.{function.name}.Tensor", f"aten.{function.name}.Scalar"), _comparison(function), ("comparisons",))
    for function in FUNCTIONS
)
