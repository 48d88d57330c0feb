"""Circular padding as a concatenation of slices, for ExecuTorch, whose kernels of it take one batch size only."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch
from torch.fx import GraphModule, Node

from torchferry.intake.source import ExportSource

_PAD = torch.ops.aten.pad.default


def with_slices(source: ExportSource) -> ExportSource:
    """Return the source with each circular padding of [N, C, ...] as a concatenation; itself where it has none."""
    if not any(_is_circular(node) for node in source.program.graph.nodes):
        return source
    module = source.program.module()
    assert isinstance(module, GraphModule)
    for node in filter(_is_circular, list(module.graph.nodes)):
        _replace(module.graph, node)
    module.recompile()
    return ExportSource(module, source.contract, source.examples)


def _is_circular(node: Node) -> bool:
    """Say whether a node pads by what is at the other end; one that also cuts is left to ExecuTorch."""
    if node.op != "call_function" or node.target is not _PAD or "circular" not in (*node.args[2:3], node.kwargs.get("mode")):
        return False
    pads = node.args[1]
    return isinstance(pads, Sequence) and all(isinstance(pad, int) and pad >= 0 for pad in pads)


def _replace(graph: torch.fx.Graph, node: Node) -> None:
    x, pads = node.args[:2]
    assert isinstance(x, Node)
    assert isinstance(pads, Sequence)
    with graph.inserting_before(node):
        for at in range(0, len(pads), 2):  # the last axis comes first
            axis, before, after = -1 - at // 2, pads[at], pads[at + 1]
            parts = [x]
            if before:
                parts.insert(0, graph.call_function(torch.ops.aten.slice.Tensor, (x, axis, -before, sys.maxsize)))  # type: ignore[operator]
            if after:
                parts.append(graph.call_function(torch.ops.aten.slice.Tensor, (x, axis, 0, after)))
            x = x if len(parts) == 1 else graph.call_function(torch.ops.aten.cat.default, (parts, axis))
    node.replace_all_uses_with(x)
    graph.erase_node(node)
