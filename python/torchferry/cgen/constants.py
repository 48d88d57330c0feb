"""Operators on constants: evaluated when the graph is captured. What has the batch is kept as one sample of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.layout import first_result, layout_of, times_batch
from torchferry.cgen.lowering import arguments

_NUMBERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "zeros": lambda _: 0,
    "ones": lambda _: 1,
    "full": lambda g: g["fill_value"],
}
# Constants of one number, by ATen name: how their arguments say it. The tensor that some take gives no more than shape and dtype.
_FILLS = {
    **{f"aten.{name}.{kind}": number for name, number in _NUMBERS.items() for kind in ("default", "names")},
    **{f"aten.{name}_like.default": number for name, number in _NUMBERS.items()},
    **{f"aten.new_{name}.default": number for name, number in _NUMBERS.items()},
}
_OVERWRITES = frozenset({"aten.copy.default"})  # these take no more than the shape and dtype of their first argument
# What gives the same of one sample as of many, besides pointwise operators.
_SAME_OF_ONE = frozenset(
    f"aten.{name}" for name in ("view.default", "reshape.default", "expand.default", "permute.default", "transpose.int")
) | {
    "aten.unsqueeze.default",
    "aten.clone.default",
    "aten._to_copy.default",
    "aten.alias.default",
    "aten.lift_fresh_copy.default",
    "aten.index_put.default",
    "aten.slice.Tensor",
}

_WIDER = {torch.float32: torch.float64, torch.complex64: torch.complex128}
_BITS = frozenset({"aten.view.dtype"})  # what takes the bits of numbers for others


def fold(builder: Builder, node: torch.fx.Node) -> bool:
    """Evaluate an operator whose tensors are all constants, or that needs none; False where that cannot be."""
    return _fill(builder, node) or _overwrite(builder, node) or _evaluate(builder, node)


def _overwrite(builder: Builder, node: torch.fx.Node) -> bool:
    """Keep what is copied over all of a value: only its own shape and dtype matter."""
    written = builder.tensor(node.args[1]) if str(node.target) in _OVERWRITES else None
    if written is None:
        return False
    shape = tuple(node.meta["val"].shape)
    if _has_batch(node):
        shape = layout_of(node).shape
        builder.batched.add(node.name)
    builder.constants[node.name] = written.to(node.meta["val"].dtype).expand(shape).clone()
    return True


def _fill(builder: Builder, node: torch.fx.Node) -> bool:
    number = _FILLS.get(str(node.target))
    result = node.meta.get("val")
    if number is None or not isinstance(result, torch.Tensor):
        return False
    value = number(arguments(node))
    if isinstance(value, torch.fx.Node):
        return False
    shape = tuple(result.shape)
    if not all(isinstance(dim, int) for dim in shape):
        shape = layout_of(node).shape
        builder.batched.add(node.name)
    builder.constants[node.name] = torch.full(shape, value, dtype=result.dtype)
    return True


def _evaluate(builder: Builder, node: torch.fx.Node) -> bool:
    tensors = [argument for argument in node.all_input_nodes if isinstance(argument.meta.get("val"), torch.Tensor)]
    sizes = [argument for argument in node.all_input_nodes if argument not in tensors and argument.name not in builder.constants]
    if any(argument.name not in builder.constants for argument in tensors) or not _can_evaluate(builder, node, tensors, sizes):
        return False

    def load(argument: torch.fx.Node) -> Any:
        known = argument.name in builder.constants
        return _widened(node, builder.constants[argument.name]) if known else times_batch(argument.meta["val"])

    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), load)
    assert callable(node.target)
    with torch.no_grad():
        result = node.target(*args, **kwargs)
    if not isinstance(result, torch.Tensor | tuple | list):
        return False
    builder.constants[node.name] = _narrowed(result, node.meta.get("val"))
    if _has_batch(node):
        builder.batched.add(node.name)
    return True


def _widened(node: torch.fx.Node, constant: Any) -> Any:
    """Return float32 constants as float64: what torch computes of float32 differs between processors and numbers of threads."""
    wider = _WIDER.get(constant.dtype) if isinstance(constant, torch.Tensor) else None
    return constant if wider is None or str(node.target) in _BITS else constant.to(wider)


def _narrowed(result: Any, traced: Any) -> Any:
    """Return what was computed in the dtypes of the trace, rounded once."""
    if isinstance(result, tuple | list):
        return [_narrowed(part, each) for part, each in zip(result, traced, strict=True)]
    return result.to(traced.dtype) if isinstance(result, torch.Tensor) and isinstance(traced, torch.Tensor) else result


def _can_evaluate(builder: Builder, node: torch.fx.Node, tensors: list[torch.fx.Node], sizes: list[torch.fx.Node]) -> bool:
    if not callable(node.target):
        return False
    tags = getattr(node.target, "tags", ())
    if torch.Tag.nondeterministic_seeded in tags or any(not isinstance(size.meta.get("val"), torch.SymInt) for size in sizes):
        return False
    if not sizes and not any(tensor.name in builder.batched for tensor in tensors):
        return not _has_batch(node)
    keeps = (str(node.target) in _SAME_OF_ONE and not _picks_samples(node)) or (torch.Tag.pointwise in tags and not sizes)
    return keeps and all(times_batch(size.meta["val"]) is not None for size in sizes)


def _picks_samples(node: torch.fx.Node) -> bool:
    """Tell whether an operator takes or writes some of the samples."""
    given = arguments(node)
    indices = given.get("indices")
    whole = given.get("dim", 1) != 0 or (given.get("start") in (None, 0) and (given.get("end") or 1 << 62) > 1 << 32)
    return (indices is not None and indices[0] is not None) or not whole


def _has_batch(node: torch.fx.Node) -> bool:
    result = node.meta.get("val")
    if result is None or isinstance(result, tuple | list):
        return False
    return any(not isinstance(dim, int) for dim in first_result(node).shape)
