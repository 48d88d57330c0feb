"""Layer, group and instance norms in plain operators, for ExecuTorch, whose kernels of them lose a small variance beside a large mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

from torchferry.intake.source import ExportSource

_OPS = torch.ops.aten
_LAYER, _GROUP, _INSTANCE = _OPS.layer_norm.default, _OPS.group_norm.default, _OPS.instance_norm.default


def with_centred_norms(source: ExportSource) -> ExportSource:
    """Return the source with each norm of [N, C, ...] as mean, difference and mean of squares; itself where it has none.

    The kernels take the mean of squares less the square of the mean, both rounded: of numbers near 1,000 nothing may be left, or less.
    """
    if not any(_is_norm(node) for node in source.program.graph.nodes):
        return source
    module = source.program.module()
    assert isinstance(module, GraphModule)
    for node in filter(_is_norm, list(module.graph.nodes)):
        with module.graph.inserting_before(node):
            found = (_of_last_axes if node.target is _LAYER else _of_groups)(module.graph, node)
        node.replace_all_uses_with(found)
        module.graph.erase_node(node)
    module.recompile()
    return ExportSource(module, source.contract, source.examples)


def _is_norm(node: Node) -> bool:
    """Say whether a node is a norm by the mean of what it is given; an instance norm may be told to use running ones."""
    if node.op != "call_function" or node.target not in (_LAYER, _GROUP, _INSTANCE):
        return False
    return node.target is not _INSTANCE or bool(_argument(node, 5, "use_input_stats", True))


def _argument(node: Node, place: int, name: str, default: Any) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def _call(graph: Graph) -> Callable[..., Node]:
    return lambda target, *arguments: graph.call_function(target, arguments)


def _of_last_axes(graph: Graph, node: Node) -> Node:
    """Write a layer norm: weight and bias have the sizes of the last axes."""
    x, sizes = node.args[:2]
    assert isinstance(sizes, list | tuple)
    found = _centred(graph, x, list(range(-len(sizes), 0)), _argument(node, 4, "eps", 1e-5))
    scales = (_OPS.mul.Tensor, _argument(node, 2, "weight", None)), (_OPS.add.Tensor, _argument(node, 3, "bias", None))
    for operator, numbers in scales:
        found = found if numbers is None else graph.call_function(operator, (found, numbers))
    return found


def _of_groups(graph: Graph, node: Node) -> Node:
    """Write a group norm, or an instance norm, whose groups are single channels: weight and bias have a number a channel."""
    x, call = node.args[0], _call(graph)
    assert isinstance(x, Node)
    shape = list(x.meta["val"].shape)
    first = 2 if node.target is _GROUP else 1
    groups = node.args[1] if node.target is _GROUP else shape[1]
    eps = _argument(node, 4 if node.target is _GROUP else 7, "eps", 1e-5)
    rows = call(_OPS.reshape.default, x, [call(_OPS.sym_size.int, x, 0), groups, -1])
    found = call(_OPS.reshape.default, _centred(graph, rows, [-1], eps), _sizes(graph, x, shape))
    scales = (
        (_OPS.mul.Tensor, _argument(node, first, "weight", None)),
        (_OPS.add.Tensor, _argument(node, first + 1, "bias", None)),
    )
    for operator, numbers in scales:
        if numbers is not None:
            found = call(operator, found, call(_OPS.reshape.default, numbers, [-1, *[1] * (len(shape) - 2)]))
    return found


def _centred(graph: Graph, x: Any, axes: list[int], eps: float) -> Node:
    """Write x less its mean over `axes`, over the root of the mean of that squared."""
    call = _call(graph)
    centred = call(_OPS.sub.Tensor, x, call(_OPS.mean.dim, x, axes, True))
    variance = call(_OPS.mean.dim, call(_OPS.mul.Tensor, centred, centred), axes, True)
    return call(_OPS.mul.Tensor, centred, call(_OPS.rsqrt.default, call(_OPS.add.Scalar, variance, eps)))


def _sizes(graph: Graph, x: Node, shape: list[Any]) -> list[Any]:
    """Return the sizes of `x`: numbers where they are, else its own when it runs."""
    return [
        size if isinstance(size, int) else graph.call_function(_OPS.sym_size.int, (x, axis)) for axis, size in enumerate(shape)
    ]
