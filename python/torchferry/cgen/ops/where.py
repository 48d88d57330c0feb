"""A choice between two values by a condition."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, arguments, operands_in, require_dtype
from torchferry.cgen.ops.elementwise import plus_zero
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Value

WHERE = Elementwise("where", "({0} ? {1} : {2}) + 0.0f", plus_zero)  # as relu: it may be one
WHERE_INT64 = Elementwise("where_int64", "{0} ? {1} : {2}", np.where, dtype="int64")


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    dtype = require_dtype(node, "float32", "int64")
    condition = builder.value(node, node.args[0])
    function = WHERE if dtype == "float32" else WHERE_INT64
    return builder.map(node, function, condition, *operands_in(builder, node, dtype, node.args[1:3]), dtype=dtype)


def _put(builder: Builder, node: torch.fx.Node) -> Value:
    """Return x with a number wherever a condition holds: x[condition] = number."""
    given = arguments(node)
    conditions = given["indices"]
    if len(conditions) != 1 or conditions[0] not in builder.results or given.get("accumulate"):
        raise refuse(node, f"{node.target} by indices", "one condition as the index")
    condition, written = builder.results[conditions[0]][0], builder.tensor(given["values"])
    same = layout_of(conditions[0]) == layout_of(node)
    if condition.dtype != "bool" or not same or written is None or written.numel() != 1:
        raise refuse(node, f"{node.target} of {condition.dtype}", "a condition of the same shape, and a number to write")
    dtype = require_dtype(node, "float32", "int64")
    function = WHERE if dtype == "float32" else WHERE_INT64
    number = builder.constant(node, given["values"], layout_of(node))
    return builder.map(node, function, condition, number, builder.value(node, node.args[0]), dtype=dtype)


OPERATORS = (
    Operator(tuple(f"aten.where.{kind}" for kind in ("self", "ScalarSelf", "ScalarOther", "Scalar")), _lower, ("where",)),
    Operator(("aten.index_put.default", "aten.index_put_.default"), _put),
)
