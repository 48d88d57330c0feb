"""GELU, exact and in the approximation by tanh."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen import elementary
from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.values import Floats, Value

_F = np.float32


def _exact(x: Floats) -> Floats:
    value: Floats = (_F(0.5) * x) * (_F(1) + elementary.erf(x * _F(0.70710678118654752)))
    return value


def _by_tanh(x: Floats) -> Floats:
    inner = (x + ((x * x) * x) * _F(0.044715)) * _F(0.79788456080286536)
    value: Floats = (_F(0.5) * x) * (_F(1) + elementary.tanh(inner))
    return value


GELU = Elementwise("gelu", "model_gelu({0})", _exact, ("gelu",))
GELU_TANH = Elementwise("gelu_tanh", "model_gelu_tanh({0})", _by_tanh, ("gelu_tanh",))


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    function = GELU_TANH if arguments(node)["approximate"] == "tanh" else GELU
    return builder.map(node, function, builder.as_float(node, builder.value(node, node.args[0])))


OPERATORS = (Operator(("aten.gelu.default",), _lower, ("GELU",)),)
