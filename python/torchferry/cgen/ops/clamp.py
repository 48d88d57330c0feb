"""Clamps: between two numbers, above one, below one; hardtanh and ReLU6."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch.fx

from torchferry.cgen import integers
from torchferry.cgen.builder import Builder
from torchferry.cgen.integers import INTEGERS
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Operator, arguments, number, operands_in, require_dtype, unary
from torchferry.cgen.ops.arithmetic import MAXIMUM, MINIMUM
from torchferry.cgen.ops.elementwise import plus_zero
from torchferry.cgen.values import Array, Value


def _clamp(x: Array, low: Array, high: Array) -> Array:
    above = np.where(x < low, low, x)
    return plus_zero(above > high, high, above)


CLAMP = Elementwise("clamp", "model_clamp({0}, {1}, {2})", _clamp, ("clamp",), makes_zeros=True, clamps=True)
CLAMP_MIN = Elementwise(
    "clamp_min",
    "model_clamp_min({0}, {1})",
    lambda x, low: plus_zero(x < low, low, x),
    ("clamp_min",),
    makes_zeros=True,
    clamps=True,
)
CLAMP_MAX = Elementwise(
    "clamp_max", "model_clamp_max({0}, {1})", lambda x, high: plus_zero(x > high, high, x), ("clamp_max",), clamps=True
)


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    dtype = require_dtype(node, "float32", *INTEGERS)
    given = arguments(node)
    x, low, high = builder.as_dtype(node, builder.value(node, node.args[0]), dtype), given.get("min"), given.get("max")
    if dtype != "float32" or any(isinstance(limit, torch.fx.Node) for limit in (low, high)):
        return _between(builder, node, x, low, high)
    if low is not None and high is not None:
        return builder.map(node, CLAMP, x, number(low), number(high))
    limit, function = (high, CLAMP_MAX) if low is None else (low, CLAMP_MIN)
    return builder.map(node, function, x, number(cast(float, limit)))


def _between(builder: Builder, node: torch.fx.Node, x: Value, low: object, high: object) -> Value:
    """Return the smaller of `high` and the larger of `low` and x: of integers, and where a limit is a tensor."""
    whole = None if x.dtype == "float32" else x.dtype
    for limit, function, integer in ((low, MAXIMUM, integers.MAXIMUM), (high, MINIMUM, integers.MINIMUM)):
        if limit is not None:
            made = function if whole is None else integer(whole)
            x = builder.map(node, made, *operands_in(builder, node, x.dtype, [limit]), x, dtype=x.dtype)
    return x


def _lower_relu6(builder: Builder, node: torch.fx.Node) -> Value:
    return builder.map(node, CLAMP, builder.value(node, node.args[0]), number(0.0), number(6.0))


_NAMES = ("clamp", "clamp_min", "clamp_max")
OPERATORS = (
    Operator(
        (*(f"aten.{name}.default" for name in _NAMES), *(f"aten.{name}.Tensor" for name in _NAMES)),
        _lower,
        ("clamp",),
    ),
    Operator(("aten.relu6.default",), _lower_relu6, ("ReLU6",)),
    unary(CLAMP, "aten.hardtanh.default", constants=("min_val", "max_val"), words=("Hardtanh",)),
)
