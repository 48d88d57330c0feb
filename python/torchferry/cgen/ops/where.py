"""A choice between two values by a condition."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Operator, operands_in, require_dtype
from torchferry.cgen.ops.elementwise import plus_zero
from torchferry.cgen.values import Value

WHERE = Elementwise("where", "({0} ? {1} : {2}) + 0.0f", plus_zero)  # as relu: it may be one
WHERE_INT64 = Elementwise("where_int64", "{0} ? {1} : {2}", np.where, dtype="int64")


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    dtype = require_dtype(node, "float32", "int64")
    condition = builder.value(node, node.args[0])
    function = WHERE if dtype == "float32" else WHERE_INT64
    return builder.map(node, function, condition, *operands_in(builder, node, dtype, node.args[1:3]), dtype=dtype)


OPERATORS = (
    Operator(tuple(f"aten.where.{kind}" for kind in ("self", "ScalarSelf", "ScalarOther", "Scalar")), _lower, ("where",)),
)
