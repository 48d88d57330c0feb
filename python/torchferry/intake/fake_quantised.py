"""Modules that torch or torchao have quantised, in operators that every format and float64 have: scale, round, clamp, scale.

A module of `convert_pt2e` computes on floats between a `quantize` and a `dequantize`; a module of quantisation-aware training has a
part that does the same and measures ranges beside it. Torch's own operators for it take float32 only, and torch.export does not
take them. Weights that are kept as integers become the floats that they stand for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from torchferry.errors import ExitCode, FerryError

_OPERATORS = "quantized_decomposed"
_TO_FLOATS = ("dequantize_per_tensor", "dequantize_per_channel")
_TO_INTEGERS = ("quantize_per_tensor", "quantize_per_channel")
_GUARDS = "_guards_fn"  # it holds the module to the sizes that it was first exported with; the contract says the sizes
_KEEPS = frozenset(
    {"view", "reshape", "flatten", "unflatten", "permute", "transpose", "slice", "select", "squeeze", "unsqueeze", "max_pool2d"}
)
_PARTS = ("fake_quant_enabled", "scale", "zero_point", "quant_min", "quant_max")  # what a fake quantisation has, whoever wrote it


class Rounded(nn.Module):
    """Rounds floats of any shape to the numbers of a grid that no longer changes: float32 `scale` times `least` to `most` less `zero`."""

    def __init__(self, scale: float, zero: int, least: int, most: int) -> None:
        super().__init__()
        self.scale, self.low, self.high = scale, float(least - zero), float(most - zero)
        self.inverse = float(1 / torch.tensor(scale))  # as torch's own operator has it

    def forward(self, x: Tensor) -> Tensor:
        """Return the nearest numbers of the grid, in the shape of x."""
        return torch.clamp(torch.round(x * self.inverse), self.low, self.high) * self.scale


class RoundedWeights(nn.Module):
    """Rounds weights to the grid that each index of dim `axis` has."""

    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, scale: Tensor, zero: Tensor, least: int, most: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("scale", scale.detach().to(torch.float32).clone())
        self.register_buffer("low", least - zero.detach().to(torch.float32))
        self.register_buffer("high", most - zero.detach().to(torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Return the nearest numbers of the grids, in the shape of x."""
        shape = [-1 if dim == self.axis else 1 for dim in range(x.dim())]
        scale, low, high = (part.reshape(shape) for part in (self.scale, self.low, self.high))
        return torch.clamp(torch.round(x * (1 / scale)), low, high) * scale


def in_plain_operators(module: nn.Module, note: Callable[[str], None]) -> nn.Module:
    """Return a copy whose quantised parts are plain operators on floats; the module itself where it has none.

    Observers, which measure in each call what passes through them, are left out, and `note` is told so. Raises FerryError(BAD_INPUT) for
    values between layers that have a grid for each channel.
    """
    if not any(_is_rounding(part) or _is_observer(part) or _has_integers(part) for part in module.modules()):
        return module
    copied = copy.deepcopy(module)
    frame = nn.ModuleDict({"module": copied})  # whose child may be a rounding itself
    observers = 0
    for parent in list(frame.modules()):
        for name, child in list(parent.named_children()):
            if _is_observer(child) and not _is_rounding(parent):
                setattr(parent, name, nn.Identity().train(child.training))
                observers += 1
            elif _is_rounding(child):
                setattr(parent, name, _frozen(child))
            elif _has_integers(child):
                setattr(parent, name, _without_integers(child))
    if observers:
        note(
            f"observers ({observers}) are left out, which measure what passes through them: the module is exported as it answers now, in floats; "
            "convert it first to export what it measured"
        )
    return frame["module"]


def _is_observer(part: nn.Module) -> bool:
    return isinstance(part, torch.ao.quantization.ObserverBase)


def _is_rounding(part: nn.Module) -> bool:
    return all(hasattr(part, name) for name in _PARTS)


def _frozen(part: Any) -> nn.Module:
    """Return the rounding that a fake quantisation does with the grid that it has now."""
    return _rounding(part).train(part.training)


def _rounding(part: Any) -> nn.Module:
    if not bool(part.fake_quant_enabled.flatten()[0]):
        return nn.Identity()
    least, most = int(part.quant_min), int(part.quant_max)
    if part.scale.numel() > 1:
        return RoundedWeights(part.scale, part.zero_point, least, most, int(part.ch_axis))
    return Rounded(float(part.scale.flatten()[0]), int(part.zero_point.flatten()[0]), least, most)


def _has_integers(part: nn.Module) -> bool:
    return isinstance(part, fx.GraphModule) and any(_name(node) in _TO_FLOATS for node in part.graph.nodes)


def _name(node: object) -> str:
    """Return the name of a node's operator where it is one of quantisation, else nothing."""
    target = node.target if isinstance(node, fx.Node) else None
    packet = getattr(target, "overloadpacket", None)
    return packet.__name__ if packet is not None and getattr(target, "namespace", "") == _OPERATORS else ""


def _without_integers(part: nn.Module) -> nn.Module:
    assert isinstance(part, fx.GraphModule)
    known: dict[fx.Node, Tensor] = {}
    for node in list(part.graph.nodes):
        if node.op == "call_module" and node.target == _GUARDS:
            part.graph.erase_node(node)
        if _name(node) in (*_TO_FLOATS, *_TO_INTEGERS) and _is_constant(node, known):
            known[node] = _evaluated(part, node, known)
        if _name(node) in _TO_FLOATS:
            with part.graph.inserting_before(node):
                made = _weights(part, node, known[node]) if node in known else _rounded(part, node)
            node.replace_all_uses_with(made)
    part.graph.eliminate_dead_code()
    plain = fx.GraphModule(part, part.graph)
    plain.delete_all_unused_submodules()
    return plain.train(False)  # such a module is exported in the mode that it keeps


def _is_constant(node: fx.Node, known: dict[fx.Node, Tensor]) -> bool:
    return all(given.op == "get_attr" or given in known for given in node.all_input_nodes)


def _evaluated(part: fx.GraphModule, node: fx.Node, known: dict[fx.Node, Tensor]) -> Tensor:
    def load(given: fx.Node) -> Any:
        return known[given] if given in known else _attribute(part, given)

    args, kwargs = fx.node.map_arg((node.args, node.kwargs), load)
    assert callable(node.target)
    with torch.no_grad():
        made: Tensor = node.target(*args, **kwargs)
    return made.detach().clone()


def _attribute(part: nn.Module, node: fx.Node) -> Any:
    found: Any = part
    for name in str(node.target).split("."):
        found = getattr(found, name)
    return found


def _weights(part: fx.GraphModule, node: fx.Node, numbers: Tensor) -> fx.Node:
    """Add the floats that constant integers stand for."""
    name = f"{node.name}_floats"
    part.register_buffer(name, numbers)
    return part.graph.get_attr(name)


def _rounded(part: fx.GraphModule, node: fx.Node) -> fx.Node:
    """Add the rounding that a pair of nodes stands for."""
    before = node.args[0]
    if _name(node) != "dequantize_per_tensor" or not isinstance(before, fx.Node) or _name(before) != "quantize_per_tensor":
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: {node.name}: got {node.target} of {before}, expected values between layers that are quantised per tensor; "
            "quantise them with one scale for all channels",
        )
    scale, zero, least, most = (_number(part, given) for given in before.args[1:5])
    grid = Rounded(float(torch.tensor(scale)), int(zero), int(least), int(most))
    source = before.args[0]
    assert isinstance(source, fx.Node)
    if _is_on(part, source, grid):
        return source
    name = f"{node.name}_grid"
    part.add_module(name, grid)
    return part.graph.call_module(name, (source,))


def _is_on(part: nn.Module, node: fx.Node, grid: Rounded) -> bool:
    """Tell whether a node gives numbers of that grid already: it rounds to it, or moves or picks what was rounded to it."""
    if node.op == "call_module":
        made = _attribute(part, node)
        return isinstance(made, Rounded) and (made.scale, made.low, made.high) == (grid.scale, grid.low, grid.high)
    packet = getattr(node.target, "overloadpacket", node.target)
    keeps = node.op == "call_function" and getattr(packet, "__name__", "") in _KEEPS
    return keeps and isinstance(node.args[0], fx.Node) and _is_on(part, node.args[0], grid)


def _number(part: nn.Module, given: Any) -> Any:
    return _attribute(part, given).flatten()[0].item() if isinstance(given, fx.Node) else given
