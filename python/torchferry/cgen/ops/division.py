"""Remainders and rounded quotients, of numbers and of integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.integers import INTEGERS, Wrapping, wrapping
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Lowering, Operator, arguments, operands_in, require_dtype
from torchferry.cgen.ops.arithmetic import DIV
from torchferry.cgen.values import Array, Floats, Value


def _floored(a: Floats, b: Floats) -> Floats:
    """Return a - b floor(a / b): the exact remainder, moved by b where its sign is not that of b."""
    rest = np.fmod(a, b)
    return np.asarray(np.where((rest != 0) & ((b < 0) != (rest < 0)), rest + b, rest))


def _floor_quotient(a: Floats, b: Floats) -> Floats:
    """Return the whole number nearest to (a - exact remainder) / b, one less where the signs differ; zero with the sign of a / b."""
    rest = np.fmod(a, b)
    whole = np.rint((a - rest) / b - np.where((rest != 0) & ((b < 0) != (rest < 0)), np.float32(1), np.float32(0)))
    return np.asarray(np.where(b == 0, a / b, np.where(whole == 0, np.copysign(np.float32(0), a / b), whole)))


def _safe(divisor: Array) -> Array:
    return np.where(divisor == 0, np.ones_like(divisor), divisor)


def _whole_rest(a: Array, b: Array, *, floored: bool) -> Array:
    rest = np.remainder(a, _safe(b)) if floored else np.fmod(a, _safe(b))
    return np.where(b == 0, np.zeros_like(rest), rest)


def _whole_quotient(a: Array, b: Array, *, floored: bool) -> Array:
    """Return the floor of a quotient of integers, or the quotient without its fraction; by 0 it is 0."""
    numerator = a if floored else np.subtract(a, _whole_rest(a, b, floored=False))
    return np.where(b == 0, np.zeros_like(a), np.floor_divide(numerator, _safe(b)))


FMOD = Elementwise("fmod", "model_fmod({0}, {1})", np.fmod, ("fmod",))
REMAINDER = Elementwise("remainder", "model_remainder({0}, {1})", _floored, ("fmod",))
FLOOR_QUOTIENT = Elementwise("floor_divide", "model_floor_divide({0}, {1})", _floor_quotient, ("floor_divide",))
TRUNC_QUOTIENT = Elementwise("trunc_divide", "model_trunc({0} / {1})", lambda a, b: np.trunc(a / b), ("whole",))
WHOLE_FMOD = wrapping("fmod", "model_rest({0}, {1}, 0)", lambda a, b: _whole_rest(a, b, floored=False), "integer_remainder")
WHOLE_REMAINDER = wrapping(
    "remainder", "model_rest({0}, {1}, 1)", lambda a, b: _whole_rest(a, b, floored=True), "integer_remainder"
)
WHOLE_FLOOR = wrapping(
    "floor_divide", "model_quotient({0}, {1}, 1)", lambda a, b: _whole_quotient(a, b, floored=True), "integer_quotient"
)
WHOLE_TRUNC = wrapping(
    "trunc_divide", "model_quotient({0}, {1}, 0)", lambda a, b: _whole_quotient(a, b, floored=False), "integer_quotient"
)


def _of_two(builder: Builder, node: torch.fx.Node, function: Elementwise, whole: Wrapping, given: Any) -> Value:
    dtype = require_dtype(node, "float32", *INTEGERS)
    made = function if dtype == "float32" else whole(dtype)
    return builder.map(node, made, *operands_in(builder, node, dtype, given), dtype=dtype)


def _lowering(function: Elementwise, whole: Wrapping) -> Lowering:
    return lambda builder, node: _of_two(builder, node, function, whole, node.args[:2])


def _by_mode(builder: Builder, node: torch.fx.Node) -> Value:
    """Return a quotient as its rounding mode says; torch has the modes floor and trunc beside none."""
    mode = arguments(node)["rounding_mode"]
    if mode is None:
        return builder.map(node, DIV, *operands_in(builder, node, require_dtype(node, "float32"), node.args[:2]))
    floor = mode == "floor"
    function, whole = (FLOOR_QUOTIENT, WHOLE_FLOOR) if floor else (TRUNC_QUOTIENT, WHOLE_TRUNC)
    return _of_two(builder, node, function, whole, node.args[:2])


_KINDS = ("Scalar", "Tensor", "Scalar_Tensor")
OPERATORS = (
    Operator(tuple(f"aten.remainder.{kind}" for kind in _KINDS), _lowering(REMAINDER, WHOLE_REMAINDER), ("remainder",)),
    Operator(tuple(f"aten.fmod.{kind}" for kind in _KINDS[:2]), _lowering(FMOD, WHOLE_FMOD), ("fmod",)),
    Operator(("aten.div.Tensor_mode", "aten.div.Scalar_mode"), _by_mode),
    Operator(("aten.floor_divide.default",), _lowering(FLOOR_QUOTIENT, WHOLE_FLOOR), ("floor_divide",)),
)
