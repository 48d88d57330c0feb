"""Intermediate results: what each layer of a model returned (STAT 453, L6.5)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class LayerOutput(NamedTuple):
    """One call of one layer. `name` is the layer's path in the model, e.g. `network.hidden`; its second call is `name:2`."""

    name: str
    kind: str
    value: Tensor


@torch.no_grad()
def trace_layers(model: nn.Module, *inputs: Tensor) -> list[LayerOutput]:
    """Run the model once; the outputs of its layers in the order in which they ran.

    A layer is a module without modules inside. What `forward` computes between them, such as `F.relu`, has no name and is not
    seen: that is the price of the functional style.
    """
    outputs: list[LayerOutput] = []
    layers = [(name, layer) for name, layer in model.named_modules() if name and not list(layer.children())]
    handles = [layer.register_forward_hook(_recorder(name, outputs)) for name, layer in layers]
    try:
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _recorder(name: str, outputs: list[LayerOutput]) -> Callable[[nn.Module, Any, Any], None]:
    calls = 0

    def hook(layer: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal calls
        calls += 1
        if isinstance(output, Tensor):
            call = name if calls == 1 else f"{name}:{calls}"
            outputs.append(LayerOutput(call, type(layer).__name__, output.clone()))  # cloned: the next layer may work in place

    return hook
