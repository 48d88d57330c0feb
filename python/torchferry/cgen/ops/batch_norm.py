"""Batch normalization in eval mode: a shift, a scale and a shift, which passes fold into a product beside them."""

from __future__ import annotations

import math

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.layout import sample_shape
from torchferry.cgen.lowering import Operator, arguments
from torchferry.cgen.ops.arithmetic import ADD, MUL, SUB
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Constant, Doubles, Value


def by_statistics(builder: Builder, node: torch.fx.Node) -> Value:
    """Return ((x - mean) * (weight / sqrt(var + eps))) + bias, over features [N, features] or channels [N, channels, ...].

    Raises FerryError(FORMAT) in train mode.
    """
    given = arguments(node)
    if given.get("training"):
        raise refuse(node, "batch norm in train mode", "eval mode (module.eval())")
    shape = sample_shape(node)

    def spread(name: str, missing: float) -> Doubles:
        array = np.full(shape[0], missing) if given[name] is None else builder.numbers(node, given[name])
        return np.repeat(array, math.prod(shape[1:]))

    scale = spread("weight", 1.0) / np.sqrt(spread("running_var", 1.0) + given["eps"])
    x = builder.as_float(node, builder.value(node, node.args[0]))
    centred = builder.map(node, SUB, x, Constant(spread("running_mean", 0.0)))
    scaled = builder.map(node, MUL, centred, Constant(scale))
    return builder.map(node, ADD, scaled, Constant(spread("bias", 0.0)))


OPERATORS = (
    Operator(
        ("aten.batch_norm.default", "aten._native_batch_norm_legit_no_training.default"),
        by_statistics,
        ("BatchNorm in eval mode",),
    ),
)
