"""ELU, SELU and CELU: one function with three numbers."""

from __future__ import annotations

import numpy as np
import torch.fx

from torchferry.cgen import elementary
from torchferry.cgen.builder import Builder
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import Operator, arguments, number, require_dtype
from torchferry.cgen.values import Floats, Value

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _elu(x: Floats, negative: Floats, positive: Floats, inner: Floats) -> Floats:
    below = np.where(x > np.float32(0), np.float32(0), x) * inner
    return np.where(x > np.float32(0), x * positive, elementary.expm1(below) * negative)


ELU = Elementwise("elu", "model_elu({0}, {1}, {2}, {3})", _elu, ("elu",))


def _lowered(builder: Builder, node: torch.fx.Node, *, alpha: float, scale: float, inner: float) -> Value:
    """scale x above 0, alpha scale (e^(inner x) - 1) below."""
    require_dtype(node, "float32")
    x = builder.value(node, node.args[0])
    return builder.map(node, ELU, x, number(alpha * scale), number(scale), number(inner))


def _lower_elu(builder: Builder, node: torch.fx.Node) -> Value:
    given = arguments(node)
    return _lowered(builder, node, alpha=given["alpha"], scale=given["scale"], inner=given["input_scale"])


def _lower_selu(builder: Builder, node: torch.fx.Node) -> Value:
    return _lowered(builder, node, alpha=SELU_ALPHA, scale=SELU_SCALE, inner=1.0)


def _lower_celu(builder: Builder, node: torch.fx.Node) -> Value:
    alpha = arguments(node)["alpha"]
    return _lowered(builder, node, alpha=alpha, scale=1.0, inner=1.0 / alpha)


OPERATORS = (
    Operator(("aten.elu.default",), _lower_elu, ("ELU",)),
    Operator(("aten.selu.default",), _lower_selu, ("SELU",)),
    Operator(("aten.celu.default",), _lower_celu, ("CELU",)),
)
