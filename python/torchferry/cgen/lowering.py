"""What a file of `ops/` is made of beside its nodes: ATen names with the function that turns such a node into nodes of the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.index_map import piece_of
from torchferry.cgen.integers import INTEGERS, Wrapping
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.layout import Layout, first_result
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Constant, DType, Integers, Operand, Value, dtype_of

Lowering = Callable[[Builder, torch.fx.Node], Value | tuple[Value, ...]]


@dataclass(frozen=True)
class Operator:
    """ATen names, how a node of them becomes nodes of the graph, and the user's words for it in a refusal."""

    aten: tuple[str, ...]
    lower: Lowering
    words: tuple[str, ...] = ()


def arguments(node: torch.fx.Node) -> dict[str, Any]:
    """Return the node's arguments by name, with the operator's defaults."""
    schema = node.target._schema  # type: ignore[union-attr]
    values = {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()}
    values.update({argument.name: value for argument, value in zip(schema.arguments, node.args, strict=False)})
    values.update(node.kwargs)
    return values


def number(value: float) -> Constant:
    """Return a number as float32 holds it."""
    return Constant(np.asarray(np.float32(value), dtype=np.float64))


def require_dtype(node: torch.fx.Node, *allowed: DType) -> DType:
    """Return the dtype of the node's result. Raises FerryError(FORMAT) where it is none of `allowed`."""
    name = str(first_result(node).dtype).removeprefix("torch.").replace("complex64", "float32")  # of each part
    dtype = dtype_of(name)
    if name in ("float16", "bfloat16"):
        raise refuse(node, name, "float32, in which C computes: call module.float() before the export")
    if dtype is None or dtype not in allowed:
        raise refuse(node, f"dtype {name} of {node.target}", " or ".join(allowed))
    return dtype


def operands_in(builder: Builder, node: torch.fx.Node, dtype: DType, given: Any) -> list[Operand]:
    """Return operands converted to one dtype. Raises FerryError(FORMAT) where one has another shape than fits."""
    operands = [builder.operand(node, argument) for argument in given]
    return [builder.as_dtype(node, operand, dtype) if isinstance(operand, Value) else operand for operand in operands]


def rows_along(builder: Builder, node: torch.fx.Node, x: Value, layout: Layout, dim: Any) -> tuple[Value, Integers | None, int]:
    """Return `x`, of shape `layout`, with `dim` as the last one: rows of `width` elements, one behind the other.

    With it the place of each element [..., width] in `x`, None where it has not moved, and the width. Raises FerryError(FORMAT)
    where the dim is the batch.
    """
    index, width = with_last(node, layout, dim)
    if index is None:
        return x, None, width
    return builder.copy(node, "permute", (x,), (piece_of(0, index),), index.shape, x.dtype, f"{node.name}_moved"), index, width


def with_last(node: torch.fx.Node, layout: Layout, dim: Any) -> tuple[Integers | None, int]:
    """Return where each element is [..., width] when a dim becomes the last one, None where it is that already; and its width.

    Raises FerryError(FORMAT) where the dim is the batch.
    """
    rank = len(layout.shape)
    if not isinstance(dim, int) or dim % rank == layout.batch:
        raise refuse(node, f"{node.target} over dim {dim}", "another dim: samples must not mix")
    width = layout.shape[dim % rank]
    if all(size == 1 for size in layout.shape[dim % rank + 1 :]):
        return None, width
    size = int(np.prod(layout.shape))
    return np.moveaxis(np.arange(size, dtype=np.int64).reshape(layout.shape), dim % rank, -1), width


def unary(
    function: Elementwise,
    *aten: str,
    constants: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
    integers: Wrapping | None = None,
) -> Operator:
    """Return the operator that applies `function` to one float32 value; `constants` are arguments that become numbers.

    `integers`: the function that stands for it where torch gives integers.
    """

    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        dtype = require_dtype(node, "float32", *(INTEGERS if integers is not None else ()))
        given = arguments(node)
        x = builder.as_dtype(node, builder.value(node, node.args[0]), dtype)
        made = function if dtype == "float32" or integers is None else integers(dtype)
        return builder.map(node, made, x, *(number(given[name]) for name in constants), dtype=dtype)

    return Operator(aten, lower, words)
