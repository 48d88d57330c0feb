"""Comparisons, which give bool."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.integers import INTEGERS
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import first_result
from torchferry.cgen.lowering import Lowering, Operator, operands_in
from torchferry.cgen.values import DType, Value, dtype_of


def _comparison(function: Elementwise) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        given = [_wrapped(argument, node.args[0]) for argument in node.args[:2]]
        dtype: DType = "float32" if any(_is_float(argument) for argument in given) else "int64"
        return builder.map(node, function, *operands_in(builder, node, dtype, given), dtype="bool")

    return lower


def _wrapped(argument: object, other: object) -> object:
    """Return a number as torch compares it with integers: in their dtype, where -1 is the largest of uint8."""
    if type(argument) is not int or not isinstance(other, torch.fx.Node):
        return argument
    dtype = dtype_of(str(first_result(other).dtype).removeprefix("torch."))
    return int(np.asarray(argument).astype(dtype)) if dtype in INTEGERS else argument


def _is_float(argument: object) -> bool:
    """Tell whether torch compares in float32 where this is one of the two sides."""
    if not isinstance(argument, torch.fx.Node):
        return isinstance(argument, float)
    value = argument.meta["val"]
    return (
        isinstance(value, torch.SymFloat)
        if isinstance(value, torch.SymInt | torch.SymFloat)
        else first_result(argument).is_floating_point()
    )


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
