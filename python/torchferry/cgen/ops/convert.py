"""Conversions between dtypes."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import first_result
from torchferry.cgen.lowering import Operator
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Value

TO_INT64 = Elementwise("int64", "(int64_t){0}", lambda x: x.astype(np.int64), dtype="int64", widens=True)


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    value, dtype = builder.value(node, node.args[0]), str(first_result(node).dtype).removeprefix("torch.")
    if value.dtype == dtype:
        return value
    if dtype == "float32":
        return builder.as_float(node, value)
    if dtype == "int64" and value.dtype != "float32":
        return builder.map(node, TO_INT64, value, dtype="int64")
    raise refuse(node, f"a conversion from {value.dtype} to {dtype}", "to float32, or from bool to int64")


OPERATORS = (Operator(("aten.to.dtype", "aten._to_copy.default", "aten.type_as.default"), _lower),)
