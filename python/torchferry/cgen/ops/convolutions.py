"""How convolutions of one, two and three dims, transposed ones too, become nodes. One dim is two dims of height 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import IndexMap
from torchferry.cgen.ir import Step
from torchferry.cgen.layout import sample_shape
from torchferry.cgen.lowering import Operator, arguments, require_dtype
from torchferry.cgen.ops.conv2d import Conv2d
from torchferry.cgen.ops.conv3d import Conv3d
from torchferry.cgen.ops.conv_transpose2d import ConvTranspose2d
from torchferry.cgen.ops.conv_transpose3d import ConvTranspose3d
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Doubles, Shape, Value
from torchferry.cgen.windows import Window, per_dim, plane


def _padding(node: torch.fx.Node, given: object, size: Shape, dilation: Shape) -> Shape:
    """Return the padding before the sample, of numbers or of the words `valid` and `same`."""
    if given == "valid":
        return (0,) * len(size)
    if given == "same":
        return tuple(d * (s - 1) // 2 for d, s in zip(dilation, size, strict=True))
    if isinstance(given, str):
        raise refuse(node, f"padding {given!r}", "numbers, 'valid' or 'same'")
    return per_dim(given, len(size))


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    require_dtype(node, "float32")
    given, source = arguments(node), node.args[0]
    weight = builder.numbers(node, given["weight"])
    rank, transposed = weight.ndim - 2, bool(given.get("transposed", "transpose" in str(node.target)))
    known = isinstance(source, torch.fx.Node) and 1 <= rank <= 3
    if not known or not isinstance(source, torch.fx.Node) or len(sample_shape(source)) != rank + 1:
        kinds = "Conv1d to Conv3d, or ConvTranspose1d to ConvTranspose3d"
        raise refuse(node, f"a convolution with weights of shape {list(weight.shape)}", kinds)
    results = weight.shape[1] * int(given["groups"]) if transposed else len(weight)
    bias = np.zeros(results) if given["bias"] is None else builder.numbers(node, given["bias"])
    x = builder.as_float(node, builder.value(node, source))
    output = Value(node.name, sample_shape(node), "float32")
    if transposed and rank == 3:
        return _transposed_3d(builder, node, given, x, sample_shape(source), weight, bias, output)
    make = _transposed if transposed else _plain
    builder.nodes.append(make(node, given, x, sample_shape(source), weight, bias, output))
    return output


def _plain(
    node: torch.fx.Node, given: dict[str, Any], x: Value, shape: Shape, weight: Doubles, bias: Doubles, output: Value
) -> Step:
    rank = weight.ndim - 2
    size = tuple(int(dim) for dim in weight.shape[2:])
    dilation, stride = per_dim(given["dilation"], rank), per_dim(given["stride"], rank)
    padding = _padding(node, given["padding"], size, dilation)
    groups = int(given["groups"])
    if rank == 3:
        return Conv3d(x, groups, weight, bias, output, module_path(node), shape, stride, padding, dilation)
    window = Window(
        shape[0], plane(shape[1:]), plane(output.shape[1:]), plane(size), plane(stride), plane(padding, 0), plane(dilation)
    )
    flat = weight.reshape(*weight.shape[:2], *window.size)
    return Conv2d(x, groups, flat, bias, output, module_path(node), window)


def _transposed(
    node: torch.fx.Node, given: dict[str, Any], x: Value, shape: Shape, weight: Doubles, bias: Doubles, output: Value
) -> Step:
    rank = weight.ndim - 2
    stride, padding, dilation = (per_dim(given[name], rank) for name in ("stride", "padding", "dilation"))
    size = plane(tuple(int(dim) for dim in weight.shape[2:]))
    window = Window(shape[0], plane(output.shape[1:]), plane(shape[1:]), size, plane(stride), plane(padding, 0), plane(dilation))
    flat = weight.reshape(*weight.shape[:2], *size)
    whole = ConvTranspose2d(x, int(given["groups"]), flat, bias, output, module_path(node), window)
    return whole.alone or whole


def _transposed_3d(
    builder: Builder,
    node: torch.fx.Node,
    given: dict[str, Any],
    x: Value,
    shape: Shape,
    weight: Doubles,
    bias: Doubles,
    output: Value,
) -> Value:
    """Add the convolutions of the phases, and the copy of their results to their places."""
    stride, padding, dilation = (per_dim(given[name], 3) for name in ("stride", "padding", "dilation"))
    groups, label = int(given["groups"]), module_path(node)
    whole = ConvTranspose3d(x, shape, groups, weight, bias, output, label, stride, padding, dilation)
    convs = [whole.conv(phase) for phase in whole.phases]
    if len(convs) == 1 and convs[0].output.shape == output.shape:
        builder.nodes.append(replace(convs[0], output=output))
        return output
    builder.nodes.extend(convs)
    made = tuple(conv.output for conv in convs)
    pieces = tuple(whole.piece(number, phase, made[number]) for number, phase in enumerate(whole.phases))
    builder.nodes.append(IndexMap("interleave", made, pieces, output, label))
    return output


OPERATORS = (
    Operator(
        (
            *(f"aten.conv{rank}d.{kind}" for rank in (1, 2, 3) for kind in ("default", "padding")),
            *(
                "aten.conv_transpose1d.default",
                "aten.conv_transpose2d.input",
                "aten.conv_transpose3d.input",
                "aten.convolution.default",
            ),
        ),
        _lower,
        ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    ),
)
