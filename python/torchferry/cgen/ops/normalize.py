"""Layer, group, instance and RMS normalization: each row by its own mean and variance, then a scale and a shift by constants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.layout import layout_of, sample_shape
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops.arithmetic import ADD, MUL
from torchferry.cgen.ops.batch_norm import by_statistics
from torchferry.cgen.ops.reductions import sum_of
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.rows import RowsToRows
from torchferry.cgen.target import Scope, over_rows
from torchferry.cgen.text import OWN, hex_float
from torchferry.cgen.values import Array, Constant, Value

FLOAT32_EPS = 1.1920928955078125e-07  # what torch takes where RMSNorm has no eps


@dataclass(frozen=True, eq=False)
class Normalize(RowsToRows):
    """y = (x - mean) * (1 / sqrt(variance + eps)) over rows of `width`; not `centred`: the mean is 0 (RMS norm).

    Mean and variance are sums as in `reductions`, divided by `width`; the variance is that of x - mean.
    """

    eps: float
    centred: bool
    output: Value
    label: str

    def compute(self, *inputs: Array) -> tuple[Array, ...]:
        """Return normalized rows [N, size] of x [N, size]."""
        x, width = inputs[0].reshape(-1, self.width), np.float32(self.width)
        mean = sum_of(x)[:, None] / width if self.centred else np.float32(0)
        distance = x - mean
        variance = sum_of(distance * distance) / width
        scale = np.float32(1) / np.sqrt(variance + np.float32(self.eps))
        return ((distance * scale[:, None]).reshape(inputs[0].shape),)

    def describe(self) -> str:
        """Name it for the list of layers."""
        return f"normalize rows of {self.width}"

    def emit(self, scope: Scope) -> list[str]:
        """Return one call per row."""
        scope.use("normalize")
        x, y = (scope.row(value, self.rows, self.width) for value in (self.x, self.output))
        eps = hex_float(float(np.float32(self.eps)))
        return over_rows(self.rows, [f"  {OWN}normalize({self.width}, {int(self.centred)}, {eps}, {x}, {y});"])


def _normalized(builder: Builder, node: torch.fx.Node, width: int, eps: float, *, centred: bool = True) -> Value:
    require_dtype(node, "float32")
    x = builder.as_float(node, builder.value(node, node.args[0]))
    output = Value(f"{node.name}_rows", x.shape, "float32")
    builder.nodes.append(Normalize(x, width, eps, centred, output, module_path(node)))
    return output


def _scaled(builder: Builder, node: torch.fx.Node, x: Value, weight: Any, bias: Any, shape: tuple[int, ...]) -> Value:
    """Return weight x + bias, each in `shape`, which fits the end of the sample's."""
    layout = layout_of(node)
    for function, argument in ((MUL, weight), (ADD, bias)):
        if argument is not None:
            array = np.broadcast_to(builder.numbers(node, argument).reshape(shape), layout.shape)
            x = builder.map(node, function, x, Constant(array.reshape(-1).copy()))
    return x


def _layer(builder: Builder, node: torch.fx.Node) -> Value:
    given, layout = arguments(node), layout_of(node)
    dims = tuple(given["normalized_shape"])
    if layout.batch >= len(layout.shape) - len(dims):
        raise refuse(node, f"{node.target} over the batch", "the dims after it")
    x = _normalized(builder, node, math.prod(dims), float(given["eps"]))
    return _scaled(builder, node, x, given["weight"], given["bias"], dims)


def _rms(builder: Builder, node: torch.fx.Node) -> Value:
    given, layout = arguments(node), layout_of(node)
    dims = tuple(given["normalized_shape"])
    if layout.batch >= len(layout.shape) - len(dims):
        raise refuse(node, f"{node.target} over the batch", "the dims after it")
    eps = FLOAT32_EPS if given["eps"] is None else float(given["eps"])
    x = _normalized(builder, node, math.prod(dims), eps, centred=False)
    return _scaled(builder, node, x, given["weight"], None, dims)


def _group(builder: Builder, node: torch.fx.Node) -> Value:
    given, shape = arguments(node), sample_shape(node)
    x = _normalized(builder, node, math.prod(shape) // int(given["num_groups"]), float(given["eps"]))
    return _scaled(builder, node, x, given["weight"], given["bias"], (shape[0], *(1 for _ in shape[1:])))


def _instance(builder: Builder, node: torch.fx.Node) -> Value:
    given, shape = arguments(node), sample_shape(node)
    if not given["use_input_stats"]:
        return by_statistics(builder, node)
    x = _normalized(builder, node, math.prod(shape[1:]), float(given["eps"]))
    return _scaled(builder, node, x, given["weight"], given["bias"], (shape[0], *(1 for _ in shape[1:])))


OPERATORS = (
    Operator(("aten.layer_norm.default", "aten.native_layer_norm.default"), _layer, ("LayerNorm",)),
    Operator(("aten.rms_norm.default",), _rms, ("RMSNorm",)),
    Operator(("aten.group_norm.default",), _group, ("GroupNorm",)),
    Operator(("aten.instance_norm.default",), _instance, ("InstanceNorm",)),
)
