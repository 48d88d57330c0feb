"""Scaled dot-product attention, as two products and a softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.layout import Layout, layout_of
from torchferry.cgen.lowering import Operator, arguments, number, require_dtype
from torchferry.cgen.ops.arithmetic import ADD, MUL
from torchferry.cgen.ops.product import product
from torchferry.cgen.ops.softmax import Softmax
from torchferry.cgen.ops.where import WHERE
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Constant, Doubles, Value

LOWEST = -float(np.finfo(np.float32).max)  # what is masked: its share of a softmax is exactly 0, as that of -infinity


def _lower(builder: Builder, node: torch.fx.Node) -> Value:
    """softmax(scale q k^T + mask) v over the last two dims."""
    require_dtype(node, "float32")
    given = arguments(node)
    if given["dropout_p"]:
        raise refuse(node, "attention with dropout", "none; call module.eval() first")
    q, k, v = (_operand(builder, node, given[name]) for name in ("query", "key", "value"))
    if given["enable_gqa"]:
        k, v = (_for_each_head(builder, node, *other, q[1].shape[-3]) for other in (k, v))
    scale = 1.0 / math.sqrt(q[1].shape[-1]) if given["scale"] is None else float(given["scale"])
    turned = _transposed(builder, node, *k)
    scores, layout = product(builder, node, q, turned, f"{node.name}_scores")
    named = Value(f"{node.name}_scaled", scores.shape, "float32")
    x = builder.apply(node, MUL, (scores, number(scale)), named)
    for mask in _masks(builder, node, given, layout):
        x = builder.apply(node, ADD, (x, mask), Value(f"{node.name}_masked", scores.shape, "float32"))
    condition = _condition(builder, given["attn_mask"], layout, node)
    if condition is not None:
        x = builder.apply(node, WHERE, (condition, x, number(LOWEST)), Value(f"{node.name}_masked", scores.shape, "float32"))
    weights = Value(f"{node.name}_weights", scores.shape, "float32")
    builder.nodes.append(Softmax(x, layout.shape[-1], False, weights, module_path(node)))
    if condition is not None:  # a row that is left nothing has weights of 0, as torch has it
        kept = Value(f"{node.name}_kept", scores.shape, "float32")
        weights = builder.apply(node, WHERE, (condition, weights, number(0.0)), kept)
    return product(builder, node, (weights, layout), v, node.name)[0]


def _operand(builder: Builder, node: torch.fx.Node, argument: Any) -> tuple[Value, Layout]:
    return builder.as_float(node, builder.value(node, argument)), layout_of(argument)


def _transposed(builder: Builder, node: torch.fx.Node, value: Value, layout: Layout) -> tuple[Value, Layout]:
    index = np.arange(value.size, dtype=np.int64).reshape(layout.shape).swapaxes(-1, -2)
    turned = Layout(index.shape, layout.batch)
    name = f"{value.name}_transposed"
    return builder.copy(node, "transpose", (value,), (piece_of(0, index),), turned.value_shape, "float32", name), turned


def _for_each_head(builder: Builder, node: torch.fx.Node, value: Value, layout: Layout, heads: int) -> tuple[Value, Layout]:
    """Return keys or values repeated, so that there is one for each head of the queries."""
    index = np.arange(value.size, dtype=np.int64).reshape(layout.shape).repeat(heads // layout.shape[-3], axis=-3)
    repeated = Layout(index.shape, layout.batch)
    name = f"{value.name}_heads"
    return builder.copy(node, "repeat", (value,), (piece_of(0, index),), repeated.value_shape, "float32", name), repeated


def _condition(builder: Builder, argument: Any, layout: Layout, node: torch.fx.Node) -> Value | None:
    """Return a mask of conditions that depend on an input, in the layout of the scores; None for another mask."""
    if argument not in builder.results or builder.results[argument][0].dtype != "bool":
        return None
    return builder.spread(node, builder.results[argument][0], layout_of(argument), layout)


def _masks(builder: Builder, node: torch.fx.Node, given: dict[str, Any], layout: Layout) -> list[Constant | Value]:
    masks: list[Constant | Value] = []
    if given["is_causal"]:
        rows, columns = layout.shape[-2:]
        masks.append(_spread(node, np.where(np.tri(rows, columns) > 0, 0.0, LOWEST), layout))
    argument = given["attn_mask"]
    if argument is None:
        return masks
    tensor = builder.tensor(argument)
    if tensor is not None:
        return [*masks, _spread(node, _finite(node, tensor), layout)]
    value = builder.value(node, argument)
    if value.dtype == "bool":
        return masks
    return [*masks, builder.spread(node, value, layout_of(argument), layout)]


def _finite(node: torch.fx.Node, mask: torch.Tensor) -> Doubles:
    """Return a mask as numbers to add. Raises FerryError(FORMAT) for one that leaves a row nothing."""
    array = mask.detach().to(torch.float64).numpy()
    if mask.dtype == torch.bool:
        array = np.where(mask.numpy(), 0.0, -np.inf)
    if np.isnan(array).any() or (array == np.inf).any() or (array == -np.inf).all(axis=-1).any():
        raise refuse(node, "a mask that leaves a row nothing, or with NaN or infinity", "at least one number per row")
    finite: Doubles = np.where(array == -np.inf, LOWEST, array)
    return finite


def _spread(node: torch.fx.Node, array: Doubles, layout: Layout) -> Constant:
    try:
        return Constant(np.broadcast_to(array, layout.shape).reshape(-1).copy())
    except ValueError:
        raise refuse(node, f"a mask of shape {list(array.shape)}", f"one that fits {list(layout.shape)}") from None


OPERATORS = (Operator(("aten.scaled_dot_product_attention.default",), _lower, ("attention",)),)
