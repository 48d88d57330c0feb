"""Conversions between dtypes."""

from __future__ import annotations

import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.conversions import conversion
from torchferry.cgen.lowering import Operator, require_dtype
from torchferry.cgen.values import DTYPES, Value


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    dtype, value = require_dtype(node, *DTYPES), builder.value(node, node.args[0])
    return value if value.dtype == dtype else builder.map(node, conversion(value.dtype, dtype), value, dtype=dtype)


OPERATORS = (Operator(("aten.to.dtype", "aten._to_copy.default", "aten.type_as.default"), _lower),)
