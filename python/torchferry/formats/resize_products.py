"""Resizing with antialias as products with constant matrices, for ExecuTorch, whose kernel of it takes one batch size only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.node import Argument
from torch.nn import functional

from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource

_RESIZE = torch.ops.aten._upsample_bilinear2d_aa.vec


def with_products(source: ExportSource) -> ExportSource:
    """Return the source with each bilinear resize with antialias as two matrix products; itself where it has none.

    Raises FerryError(FORMAT) for pictures of free sizes.
    """
    if not source.program.graph.find_nodes(op="call_function", target=_RESIZE):
        return source
    module = source.program.module()
    assert isinstance(module, GraphModule)
    resizes = module.graph.find_nodes(op="call_function", target=_RESIZE)
    sizes = [(_sizes(node.args[0]), _sizes(node)) for node in resizes]  # of all: those of a node that was put in are not known
    for node, (before, after) in zip(resizes, sizes, strict=True):
        _replace(module, node, before, after)
    module.recompile()
    return ExportSource(module, source.contract, source.examples)


def _replace(module: GraphModule, node: Node, before: Sequence[int], after: Sequence[int]) -> None:
    """Put two products in place of a resize of [N, C, H, W]: along the width, then along the height."""
    graph, (x, _, corners, factors) = module.graph, node.args
    assert isinstance(x, Node)
    with graph.inserting_before(node):
        for axis in (-1, -2):
            name = f"{node.name}{axis}".replace("-", "_along_")
            factor = factors[axis] if isinstance(factors, Sequence) else None
            module.register_buffer(name, _matrix(before[axis], after[axis], bool(corners), factor))
            lines = graph.call_function(torch.transpose, (x, axis, -1))
            made = graph.call_function(functional.linear, (lines, graph.get_attr(name)))
            x = graph.call_function(torch.transpose, (made, axis, -1))
    node.replace_all_uses_with(x)
    graph.erase_node(node)


def _sizes(node: Argument) -> list[int]:
    """Return height and width. Raises FerryError(FORMAT) where they are free."""
    found = list(node.meta["val"].shape[2:]) if isinstance(node, Node) else []
    if len(found) != 2 or not all(isinstance(size, int) for size in found):
        raise FerryError(
            ExitCode.FORMAT,
            "executorch: _upsample_bilinear2d_aa: got pictures of free sizes, expected fixed ones; give the input a height and a width",
        )
    return found


def _matrix(size: int, results: int, corners: bool, factor: object) -> Tensor:
    """Return the weights [results, size] of a resize along one side, as float32. Torch says them."""
    units = torch.eye(size, dtype=torch.float64).reshape(1, size, size, 1)
    wide = units.expand(-1, -1, -1, 2).contiguous()  # of one column torch takes other rows
    made: Tensor = torch.ops.aten._upsample_bilinear2d_aa.default(wide, [results, 2], corners, factor, None)
    return made[0, :, :, 0].t().float().contiguous()
