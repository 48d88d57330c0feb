"""Hardsigmoid and Hardswish, made of clamps and arithmetic."""

from __future__ import annotations

import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.lowering import Operator, number
from torchferry.cgen.ops.arithmetic import ADD, DIV, MUL
from torchferry.cgen.ops.clamp import CLAMP
from torchferry.cgen.values import Value


def _gate(builder: Builder, node: torch.fx.Node, x: Value) -> Value:
    """min(max(x + 3, 0), 6)."""
    return builder.map(node, CLAMP, builder.map(node, ADD, x, number(3.0)), number(0.0), number(6.0))


def _hard_sigmoid(builder: Builder, node: torch.fx.Node) -> Value:
    """min(max(x + 3, 0), 6) / 6."""
    return builder.map(node, DIV, _gate(builder, node, builder.value(node, node.args[0])), number(6.0))


def _hard_swish(builder: Builder, node: torch.fx.Node) -> Value:
    """x min(max(x + 3, 0), 6) / 6."""
    x = builder.value(node, node.args[0])
    return builder.map(node, DIV, builder.map(node, MUL, x, _gate(builder, node, x)), number(6.0))


OPERATORS = (
    Operator(("aten.hardsigmoid.default",), _hard_sigmoid, ("Hardsigmoid",)),
    Operator(("aten.hardswish.default",), _hard_swish, ("Hardswish",)),
)
