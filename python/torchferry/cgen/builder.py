"""The graph under construction: constants by name, the value behind each torch.export node, the nodes made so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.fx

from torchferry.cgen.conversions import conversion
from torchferry.cgen.index_map import IndexMap, Piece, piece_of
from torchferry.cgen.ir import Elementwise, Map, Node
from torchferry.cgen.layout import Layout, layout_of
from torchferry.cgen.refusal import module_path, refuse
from torchferry.cgen.values import Constant, Doubles, DType, Operand, Shape, Value
from torchferry.errors import ExitCode, FerryError

WHOLE_MOST = 2**53  # constants are float64 until they are printed


@dataclass
class Builder:
    """Tensors that are constant, by node name; `targets` are their names in the user's module.

    `results` are what each torch.export node gives; an operator with one result gives one value.
    """

    constants: dict[str, torch.Tensor]
    targets: dict[str, str]
    batched: set[str] = field(
        default_factory=set
    )  # constants that stand for a tensor with the batch, of which they hold one sample
    results: dict[torch.fx.Node, tuple[Value, ...]] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def tensor(self, argument: object) -> torch.Tensor | None:
        """Return the constant tensor behind an argument, in its own shape, or None."""
        return self.constants.get(argument.name) if isinstance(argument, torch.fx.Node) else None

    def numbers(self, node: torch.fx.Node, argument: object) -> Doubles:
        """Return a constant argument of any shape in float64, as float32 holds it. Raises FerryError(BAD_INPUT) for NaN or infinity."""
        tensor = self.tensor(argument)
        if tensor is not None:
            return self._whole(node, argument, self._finite(node, argument, tensor))
        if isinstance(argument, bool | int | float):
            number = np.float32(argument) if isinstance(argument, float) else argument
            return self._whole(node, argument, np.asarray(number, dtype=np.float64))
        raise refuse(node, f"argument {argument}", "a number or a constant tensor")

    def _finite(self, node: torch.fx.Node, argument: object, tensor: torch.Tensor) -> Doubles:
        array: Doubles = tensor.detach().to(torch.float64).numpy()
        if array.size == 1 and np.isinf(array).all() and str(argument) not in self.targets:
            return array  # a number of the user's code, such as what masks
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            if str(argument) not in self.targets and not np.isnan(array).any():  # of the user's code, a mask of -inf as a rule
                raise refuse(node, "a constant tensor with infinities", "finite numbers, or a mask of booleans")
            name = self.targets.get(str(argument), str(argument)).removeprefix("module.")
            at, got = [int(i) for i in bad[0]], array[tuple(bad[0])]
            raise FerryError(ExitCode.BAD_INPUT, f"c: {name}: element {at}: got {got}, expected a finite number; train again")
        return array

    def _whole(self, node: torch.fx.Node, argument: object, array: Doubles) -> Doubles:
        """Return the array itself. Raises FerryError(FORMAT) for integers that float64 does not hold."""
        is_float = isinstance(argument, float) or getattr(self.tensor(argument), "dtype", torch.int64).is_floating_point
        if not is_float and np.abs(array).max(initial=0.0) > WHOLE_MOST:
            raise refuse(node, f"a constant integer of {np.abs(array).max():.17g}", f"at most {WHOLE_MOST}")
        return array

    def constant(self, node: torch.fx.Node, argument: object, layout: Layout) -> Constant:
        """Return a number or constant tensor, spread over a sample. Raises FerryError(FORMAT) for another argument or shape."""
        array = self.numbers(node, argument)
        if array.size == 1:
            return Constant(array.reshape(()))
        try:
            return Constant(np.broadcast_to(array, layout.shape).reshape(-1).copy())
        except ValueError:
            raise refuse(
                node, f"a constant of shape {list(array.shape)}", f"one that fits a sample of shape {list(layout.value_shape)}"
            ) from None

    def operand(self, node: torch.fx.Node, argument: object) -> Operand:
        """Return the value of an earlier node or a constant, spread over the shape of `node`. Raises FerryError(FORMAT) for another one."""
        layout = layout_of(node)
        if not isinstance(argument, torch.fx.Node) or argument not in self.results:
            return self.constant(node, argument, layout)
        value, own = self.results[argument][0], layout_of(argument)
        return value if value.size == 1 else self.spread(node, value, own, layout)

    def spread(self, node: torch.fx.Node, value: Value, own: Layout, layout: Layout) -> Value:
        """Return the value repeated along the dims in which `layout` is larger. Raises FerryError(FORMAT) where samples would mix."""
        if len(layout.shape) - layout.batch != len(own.shape) - own.batch or layout.outer != own.outer:
            raise refuse(node, f"operands whose batch is dim {own.batch} and {layout.batch}", "one dim: samples must not mix")
        if value.size == int(np.prod(layout.shape)):
            return value
        index = np.broadcast_to(np.arange(value.size, dtype=np.int64).reshape(own.shape), layout.shape)
        return self.copy(node, "expand", (value,), (piece_of(0, index),), layout.value_shape, value.dtype, f"{value.name}_spread")

    def copy(
        self,
        node: torch.fx.Node,
        word: str,
        sources: tuple[Operand, ...],
        pieces: tuple[Piece, ...],
        shape: Shape,
        dtype: DType,
        name: str,
    ) -> Value:
        """Add a copy of elements of the sources."""
        output = Value(name, shape, dtype)
        self.nodes.append(IndexMap(word, sources, pieces, output, module_path(node)))
        return output

    def value(self, node: torch.fx.Node, argument: object) -> Value:
        """Return the value of an earlier node that may not be a constant. Raises FerryError(FORMAT) where it is one."""
        if isinstance(argument, torch.fx.Node) and argument in self.results:
            return self.results[argument][0]
        raise refuse(node, f"{argument} as a constant", "a value that depends on an input")

    def map(self, node: torch.fx.Node, function: Elementwise, *operands: Operand, dtype: DType = "float32") -> Value:
        """Add an elementwise node with the shape of `node`."""
        output = Value(node.name, layout_of(node).value_shape, dtype)
        self.nodes.append(Map(function, operands, output, module_path(node)))
        return output

    def apply(self, node: torch.fx.Node, function: Elementwise, operands: tuple[Operand, ...], output: Value) -> Value:
        """Add an elementwise node for a value that is no result of the trace."""
        self.nodes.append(Map(function, operands, output, module_path(node)))
        return output

    def as_float(self, node: torch.fx.Node, value: Value) -> Value:
        """Return the value itself, or its conversion to float32."""
        return self.as_dtype(node, value, "float32")

    def as_dtype(self, node: torch.fx.Node, value: Value, dtype: DType) -> Value:
        """Return the value itself, or its conversion to a dtype."""
        if value.dtype == dtype:
            return value
        output = Value(f"{value.name}_{'float' if dtype == 'float32' else dtype}", value.shape, dtype)
        self.nodes.append(Map(conversion(value.dtype, dtype), (value,), output, module_path(node)))
        return output
