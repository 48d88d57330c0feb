"""Complex numbers as two values, the real and the imaginary part of each element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.fx

from torchferry.cgen.builder import Builder
from torchferry.cgen.refusal import refuse
from torchferry.cgen.values import Operand, Value

Parts = tuple[Value, Value]


def is_complex(node: torch.fx.Node) -> bool:
    """Tell whether a node gives complex numbers."""
    result = node.meta.get("val")
    first = result[0] if isinstance(result, tuple | list) and result else result
    return isinstance(first, torch.Tensor) and first.dtype.is_complex


def parts(builder: Builder, node: torch.fx.Node, argument: object) -> Parts:
    """Return both parts of an earlier node's complex numbers. Raises FerryError(FORMAT) where they are constant."""
    if not isinstance(argument, torch.fx.Node) or len(builder.results.get(argument, ())) != 2 or not is_complex(argument):
        raise refuse(node, f"{argument} in {node.target}", "complex numbers that depend on an input")
    real, imaginary = builder.results[argument]
    return real, imaginary


def operands(builder: Builder, node: torch.fx.Node, argument: object) -> tuple[Operand, Operand | None]:
    """Return an argument spread over the shape of `node`: both parts, or a real number and None. Raises FerryError(FORMAT) for a constant."""
    if not isinstance(argument, torch.fx.Node) or not is_complex(argument):
        if isinstance(argument, complex):
            raise refuse(node, f"the complex constant {argument}", "a real one")
        real = builder.operand(node, argument)
        return builder.as_float(node, real) if isinstance(real, Value) else real, None
    both = parts(builder, node, argument)
    spread = []
    for part in both:
        with _instead(builder, {argument: part}):
            spread.append(builder.operand(node, argument))
    return spread[0], spread[1]


def of_parts(
    lower: Callable[[Builder, torch.fx.Node], Value | tuple[Value, ...]],
) -> Callable[[Builder, torch.fx.Node], Value | tuple[Value, ...]]:
    """Return the lowering that does to each part what `lower` does to real numbers. Raises FerryError(FORMAT) for several results."""

    def lower_parts(builder: Builder, node: torch.fx.Node) -> tuple[Value, ...]:
        arguments = [argument for argument in node.all_input_nodes if is_complex(argument)]
        both = {argument: parts(builder, node, argument) for argument in arguments}
        made = []
        for part in range(2):
            with _instead(builder, {argument: values[part] for argument, values in both.items()}):
                result = lower(builder, node)
            if isinstance(result, tuple):
                raise refuse(node, f"{node.target} of complex numbers", "torch.view_as_real before it")
            made.append(result)
        return tuple(made)

    return lower_parts


@contextmanager
def _instead(builder: Builder, values: dict[torch.fx.Node, Value]) -> Iterator[None]:
    """Let nodes have given the values meanwhile."""
    before = {node: builder.results[node] for node in values}
    builder.results.update({node: (value,) for node, value in values.items()})
    try:
        yield
    finally:
        builder.results.update(before)
