"""The graph under construction: constants by name, the value behind each torch.export node, the nodes made so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
import torch.fx

from torchferry.cgen.ir import Elementwise, Map, Node
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Constant, Doubles, DType, Operand, Value
from torchferry.errors import ExitCode, FerryError

TO_FLOAT = Elementwise("float", "(float){0}", lambda x: x.astype(np.float32), dtype="float32", widens=True)


@dataclass
class Builder:
    """Tensors that are constant, by node name; `targets` are their names in the user's module.

    `results` are what each torch.export node gives; an operator with one result gives one value.
    """

    constants: dict[str, torch.Tensor]
    targets: dict[str, str]
    results: dict[torch.fx.Node, tuple[Value, ...]] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def tensor(self, argument: object) -> torch.Tensor | None:
        """Return the constant tensor behind an argument, in its own shape, or None."""
        return self.constants.get(argument.name) if isinstance(argument, torch.fx.Node) else None

    def numbers(self, node: torch.fx.Node, argument: object) -> Doubles:
        """Return a constant argument of any shape in float64, as float32 holds it. Raises FerryError(BAD_INPUT) for NaN or infinity."""
        tensor = self.tensor(argument)
        if tensor is not None:
            return self._finite(argument, tensor)
        if isinstance(argument, bool | int | float):
            return np.asarray(np.float32(argument) if isinstance(argument, float) else argument, dtype=np.float64)
        raise refuse(node, f"argument {argument}", "a number or a constant tensor")

    def _finite(self, argument: object, tensor: torch.Tensor) -> Doubles:
        array: Doubles = tensor.detach().to(torch.float64).numpy()
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            name = self.targets.get(str(argument), str(argument)).removeprefix("module.")
            at, got = [int(i) for i in bad[0]], array[tuple(bad[0])]
            raise FerryError(ExitCode.BAD_INPUT, f"c: {name}: element {at}: got {got}, expected a finite number; train again")
        return array

    def constant(self, node: torch.fx.Node, argument: object, shape: tuple[int, ...]) -> Constant:
        """Return a number or constant tensor, spread over a sample of that shape. Raises FerryError(FORMAT) for another argument or shape."""
        array = self.numbers(node, argument)
        if array.size == 1:
            return Constant(array.reshape(()))
        if array.ndim == len(shape) + 1 and array.shape[0] == 1:
            array = array[0]
        try:
            return Constant(np.broadcast_to(array, shape).reshape(-1).copy())
        except ValueError:
            raise refuse(
                node, f"a constant of shape {list(array.shape)}", f"one that fits a sample of shape {list(shape)}"
            ) from None

    def operand(self, node: torch.fx.Node, argument: object, shape: tuple[int, ...]) -> Operand:
        """Return the value of an earlier node, or a constant spread over `shape`. Raises FerryError(FORMAT) for another argument."""
        if not isinstance(argument, torch.fx.Node) or argument not in self.results:
            return self.constant(node, argument, shape)
        own = sample_shape(argument)
        if own != shape and int(np.prod(own)) != 1:
            raise refuse(node, f"operands of shapes {list(own)} and {list(shape)} per sample", "equal shapes, or one element")
        return self.results[argument][0]

    def value(self, node: torch.fx.Node, argument: object) -> Value:
        """Return the value of an earlier node that may not be a constant. Raises FerryError(FORMAT) where it is one."""
        if isinstance(argument, torch.fx.Node) and argument in self.results:
            return self.results[argument][0]
        raise refuse(node, f"{argument} as a constant", "a value that depends on an input")

    def map(self, node: torch.fx.Node, function: Elementwise, *operands: Operand, dtype: DType = "float32") -> Value:
        """Add an elementwise node with the shape of `node`."""
        output = Value(node.name, sample_shape(node), dtype)
        self.nodes.append(Map(function, operands, output, module_path(node)))
        return output

    def as_float(self, node: torch.fx.Node, value: Value) -> Value:
        """Return the value itself, or its conversion to float32."""
        if value.dtype == "float32":
            return value
        output = Value(f"{value.name}_float", value.shape, "float32")
        self.nodes.append(Map(TO_FLOAT, (value,), output, module_path(node)))
        return output


def first_result(node: torch.fx.Node) -> torch.Tensor:
    """Return what a node gives, in the shape and dtype of the trace; the first of several results."""
    result = node.meta["val"]
    return cast(torch.Tensor, result[0] if isinstance(result, tuple | list) else result)


def sample_shape(node: torch.fx.Node) -> tuple[int, ...]:
    """Return the shape of a node without its batch. Raises FerryError(FORMAT) where the batch is not the first dim and the only symbol."""
    shape = tuple(first_result(node).shape)
    text = f"shape [{', '.join(map(str, shape))}]"
    if not shape or isinstance(shape[0], int) or not shape[0].node.expr.is_symbol:
        raise refuse(node, text, "the batch alone as its first dim: samples must not mix")
    if not all(isinstance(dim, int) and dim > 0 for dim in shape[1:]):
        raise refuse(node, text, "fixed dims above 0 after the batch")
    return shape[1:]
