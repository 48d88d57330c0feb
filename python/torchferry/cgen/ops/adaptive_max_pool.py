"""Adaptive max pools, whose windows differ in size: each is copied to as many places as the largest has, then reduced."""

from __future__ import annotations

import math

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.layout import layout_of, sample_shape
from torchferry.cgen.lowering import Operator, require_dtype
from torchferry.cgen.ops.reductions import MAX, Reduce
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Integers, Value


def _positions(size: int, results: int) -> Integers:
    """Return the positions of each window [results, largest]; a smaller one has its last position again."""
    starts = np.arange(results) * size // results
    ends = -(-(np.arange(1, results + 1) * size) // results)
    steps = np.arange(int((ends - starts).max()))
    positions: Integers = np.minimum(starts[:, None] + steps, ends[:, None] - 1)
    return positions


def _lower(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    require_dtype(node, "float32")
    source, layout = node.args[0], layout_of(node, 0)
    if not isinstance(source, torch.fx.Node) or layout.batch != 0 or layout.shape[0] != 1:
        raise refuse(node, f"{node.target} over {source}", "samples [channels, ...]")
    x, shape, results = builder.as_float(node, builder.value(node, source)), sample_shape(source), layout.shape[1:]
    index, lengths = np.arange(x.size, dtype=np.int64).reshape(shape), []
    for axis in range(1, len(shape)):
        positions = _positions(shape[axis], results[axis])
        index = index.take(positions.ravel(), axis=axis)
        lengths.append(positions.shape[1])
    rank = len(lengths)
    split = index.reshape(shape[0], *(size for pair in zip(results[1:], lengths, strict=True) for size in pair))
    order = (0, *range(1, 2 * rank + 1, 2), *range(2, 2 * rank + 1, 2))
    windows = split.transpose(order).reshape(math.prod(results), -1)
    copied = builder.copy(node, "windows", (x,), (piece_of(0, windows),), windows.shape, "float32", f"{node.name}_windows")
    output = Value(node.name, layout.value_shape, "float32")
    builder.nodes.append(Reduce(MAX, copied, windows.shape[1], 1, 0.0, output, module_path(node)))
    return (output,)


OPERATORS = (
    Operator(("aten.adaptive_max_pool2d.default", "aten.adaptive_max_pool3d.default"), _lower, ("AdaptiveMaxPool1d to 3d",)),
)
