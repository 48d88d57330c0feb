"""A choice between two values by a condition."""

from __future__ import annotations

import math

import numpy as np
import torch.fx

from torchferry.cgen import integers
from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import layout_of
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops.elementwise import plus_zero
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import DTYPES, Constant, DType, Operand, Value

WHERE = Elementwise("where", "({0} ? {1} : {2}) + 0.0f", plus_zero)  # as relu: it may be one
WHERE_BOOL = Elementwise("where", "{0} ? {1} : {2}", np.where, dtype="bool")


def choice(dtype: DType) -> Elementwise:
    """Return the function that takes a condition and two numbers of a dtype."""
    return WHERE if dtype == "float32" else WHERE_BOOL if dtype == "bool" else integers.WHERE(dtype)


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    dtype = require_dtype(node, *DTYPES)
    condition, *branches = (builder.operand(node, argument) for argument in node.args[:3])
    if isinstance(condition, Constant) and len(set(condition.array.ravel().tolist())) == 1:
        return _whole(builder, node, branches[0 if condition.array.flat[0] else 1], dtype)
    if isinstance(condition, Value):
        condition = builder.as_dtype(node, condition, "bool")
    operands = (builder.as_dtype(node, branch, dtype) if isinstance(branch, Value) else branch for branch in branches)
    return builder.map(node, choice(dtype), condition, *operands, dtype=dtype)


def _whole(builder: Builder, node: torch.fx.Node, operand: Operand, dtype: DType) -> Value:
    """Return the branch that a constant condition takes everywhere. Raises FerryError(FORMAT) for one that is a constant."""
    layout = layout_of(node)
    if not isinstance(operand, Value):
        raise refuse(node, f"{node.target} that always gives a constant", "a value that depends on an input")
    value = builder.as_dtype(node, operand, dtype)
    if value.size == math.prod(layout.shape):
        return value
    everywhere = piece_of(0, np.zeros(layout.shape, np.int64))
    return builder.copy(node, "expand", (value,), (everywhere,), layout.value_shape, dtype, node.name)


def put_where(builder: Builder, node: torch.fx.Node) -> Value:
    """Return x with a number wherever a condition holds: x[condition] = number. Raises FerryError(FORMAT) for another index."""
    given = arguments(node)
    conditions = given["indices"]
    if len(conditions) != 1 or conditions[0] not in builder.results or given.get("accumulate"):
        raise refuse(node, f"{node.target} by indices", "one condition as the index")
    condition, written = builder.results[conditions[0]][0], builder.tensor(given["values"])
    same = layout_of(conditions[0]) == layout_of(node)
    if condition.dtype != "bool" or not same or written is None or written.numel() != 1:
        raise refuse(node, f"{node.target} of {condition.dtype}", "a condition of the same shape, and a number to write")
    dtype = require_dtype(node, *DTYPES)
    number = builder.constant(node, given["values"], layout_of(node))
    return builder.map(node, choice(dtype), condition, number, builder.value(node, node.args[0]), dtype=dtype)


OPERATORS = (
    Operator(tuple(f"aten.where.{kind}" for kind in ("self", "ScalarSelf", "ScalarOther", "Scalar")), _lower, ("where",)),
)
