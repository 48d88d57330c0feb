"""Max and average pools over three dims: first over rows and columns of each depth, then over depths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.layout import sample_shape
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops.arithmetic import DIV
from torchferry.cgen.ops.pool2d import AvgPool2d, MaxPool2d
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Constant, Value
from torchferry.cgen.windows import Window, per_dim


def _windows(node: torch.fx.Node, dilation: Any) -> tuple[Window, Window]:
    """Return the window over rows and columns of every depth, and that over depths."""
    given, source = arguments(node), node.args[0]
    if not isinstance(source, torch.fx.Node) or len(sample_shape(source)) != 4:
        raise refuse(node, f"{node.target} over {source}", "samples [channels, depth, height, width]")
    channels, depth, height, width = sample_shape(source)
    results = sample_shape(node)[1:]
    size = per_dim(given["kernel_size"], 3)
    stride = per_dim(given["stride"], 3) if given["stride"] else size
    padding, spread = per_dim(given["padding"], 3), per_dim(dilation, 3)
    pairs = [(numbers[1], numbers[2]) for numbers in (results, size, stride, padding, spread)]
    inner = Window(channels * depth, (height, width), *pairs)
    area = results[1] * results[2]
    outer = Window(channels, (depth, area), (results[0], area), (size[0], 1), (stride[0], 1), (padding[0], 0), (spread[0], 1))
    return inner, outer


def _twice(builder: Builder, node: torch.fx.Node, windows: tuple[Window, Window], make: Callable[..., Any], name: str) -> Value:
    x = builder.as_float(node, builder.value(node, node.args[0]))
    inner, outer = windows
    planes = Value(f"{name}_planes", (inner.channels, *inner.results), "float32")
    output = Value(name, sample_shape(node), "float32")
    builder.nodes.append(make(x, inner, planes, module_path(node)))
    builder.nodes.append(make(planes, outer, output, module_path(node)))
    return output


def _max(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    return _twice(builder, node, _windows(node, arguments(node)["dilation"]), MaxPool2d, node.name)


def _average(builder: Builder, node: torch.fx.Node) -> Value:
    """Return sums over rows and columns, then over depths, divided once by how many positions count."""
    require_dtype(node, "float32")
    given, windows = arguments(node), _windows(node, 1)
    padded = bool(given["count_include_pad"])

    def sums(x: Value, window: Window, output: Value, label: str) -> AvgPool2d:
        return AvgPool2d(x, window, output, label, padded=padded, divisor=1)

    total = _twice(builder, node, windows, sums, f"{node.name}_sums")
    if given["divisor_override"]:
        counts = np.asarray(float(given["divisor_override"]))
    else:
        inner, outer = (sums(total, window, total, "") for window in windows)
        axes = (outer.counts(0), inner.counts(0), inner.counts(1))
        each = np.einsum("i,j,k->ijk", *axes)
        counts = np.tile(each.ravel(), windows[1].channels).astype(np.float64)
    return builder.map(node, DIV, total, Constant(counts))


OPERATORS = (
    Operator(("aten.max_pool3d.default", "aten.max_pool3d_with_indices.default"), _max, ("MaxPool3d",)),
    Operator(("aten.avg_pool3d.default",), _average, ("AvgPool3d",)),
)
