"""Sums, means and largest elements of rows of a table by index, in bags of one size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.layout import layout_of, times_batch
from torchferry.cgen.lowering import Operator, arguments, number
from torchferry.cgen.ops.arithmetic import DIV, MUL
from torchferry.cgen.ops.gather import Gather
from torchferry.cgen.ops.reductions import MAX, SUM, Reduce
from torchferry.cgen.places import Places
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Constant, Value

SUMS, MEANS = 0, 1  # torch's numbers of the modes; 2 is the largest


def _bag(offsets: Any) -> int | None:
    """Return k of offsets arange(0, k N, k), which torch makes where bags are rows; None for others."""
    if not isinstance(offsets, torch.fx.Node) or str(offsets.target) != "aten.arange.start_step" or len(offsets.args) != 3:
        return None
    start, end, step = offsets.args
    times = times_batch(end.meta["val"]) if isinstance(end, torch.fx.Node) else None
    return step if start == 0 and isinstance(step, int) and times == step else None


def _lower(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
    given = arguments(node)
    size, index = _bag(given["offsets"]), builder.value(node, given["indices"])
    if size is None or given["include_last_offset"] or given["padding_idx"] >= 0:
        raise refuse(node, "an EmbeddingBag with offsets or padding_idx", "indices [N, bag] of bags of one size")
    table = builder.numbers(node, given["weight"])
    count, width, name = index.size, int(table.shape[1]), node.name
    rows = Value(f"{name}_rows", (count, width), "float32")
    places = Places.along(tuple(table.shape), 0, count, each=False, wraps=False)
    builder.nodes.append(Gather(Constant(table.ravel()), index, places, rows, module_path(node)))
    if given["per_sample_weights"] is not None:
        rows = _weighted(builder, node, rows, given["per_sample_weights"])
    mode, output = given["mode"], Value(name, layout_of(node, 0).value_shape, "float32")
    reduction = SUM if mode in (SUMS, MEANS) else MAX
    total = Value(f"{name}_total", output.shape, "float32") if mode == MEANS else output
    builder.nodes.append(Reduce(reduction, rows, size, width, 0.0, total, module_path(node)))
    return (builder.apply(node, DIV, (total, number(float(size))), output) if mode == MEANS else total,)


def _weighted(builder: Builder, node: torch.fx.Node, rows: Value, weights: Any) -> Value:
    """Return each row times its own weight."""
    value = builder.as_float(node, builder.value(node, weights))
    index = np.repeat(np.arange(value.size, dtype=np.int64), rows.shape[1]).reshape(rows.shape)
    spread = builder.copy(node, "expand", (value,), (piece_of(0, index),), rows.shape, "float32", f"{node.name}_weights")
    return builder.apply(node, MUL, (rows, spread), Value(f"{node.name}_weighted", rows.shape, "float32"))


OPERATORS = (Operator(("aten._embedding_bag.default", "aten._embedding_bag_forward_only.default"), _lower, ("EmbeddingBag",)),)
