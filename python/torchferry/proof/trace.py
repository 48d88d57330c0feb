"""Intermediate results: what each layer of a model returned (STAT 453, L6.5)."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Run the model once on a batch [N, ...], and return the outputs of its layers in the order in which they ran.

    A layer is a module without modules inside. What `forward` computes between them, such as `F.relu`, has no name and is not
    seen: that is the price of the functional style.
    """
    with recording(model) as outputs:
        model(*inputs)
    return outputs


@contextmanager
def recording(model: nn.Module, *, everything: bool = False) -> Iterator[list[LayerOutput]]:
    """Yield a list that fills while the model runs.

    `everything`: modules with modules inside too, the first tensor of a layer that returns a tuple (LSTM, attention), and the
    argument of each layer as `into NAME`, which shows what `forward` computed before it. Of several tensors none is recorded: a
    program of torch.export passes them in an order of its own.
    """
    outputs: list[LayerOutput] = []
    layers = [(name, layer) for name, layer in model.named_modules() if name and (everything or not list(layer.children()))]
    recorders = [(layer, _Recorder(name, layer, outputs, everything)) for name, layer in layers]
    handles = [layer.register_forward_hook(recorder.after) for layer, recorder in recorders]
    if everything:
        handles += [layer.register_forward_pre_hook(recorder.before) for layer, recorder in recorders]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def describe(layer: LayerOutput) -> dict[str, Any]:
    """Name, kind, shape and statistics over all elements (std of the population); a number that is not finite is text."""
    values = layer.value.double()
    statistics = {
        "mean": values.mean(),
        "std": values.std(correction=0),
        "min": values.min(),
        "max": values.max(),
    }
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": list(layer.value.shape),
        **{name: value.item() if math.isfinite(value) else str(value.item()) for name, value in statistics.items()},
    }


class _Recorder:
    """The hooks of one layer."""

    def __init__(self, name: str, layer: nn.Module, outputs: list[LayerOutput], everything: bool) -> None:
        self._name = name
        # Modules that torch.export has written know their class by name only.
        named: Callable[[], str | None] = getattr(layer, "type_name", lambda: None)
        self._kind = (named() or type(layer).__name__).rpartition(".")[2]
        self._outputs = outputs
        self._everything = everything
        self._calls = 0

    def before(self, _layer: nn.Module, arguments: Any) -> None:
        """Record what a layer takes: a forward pre-hook."""
        tensors = {id(argument): argument for argument in arguments if isinstance(argument, Tensor)}
        if len(tensors) == 1:
            self._record(f"into {self._call(self._calls + 1)}", *tensors.values())

    def after(self, _layer: nn.Module, _arguments: Any, output: Any) -> None:
        """Record what a layer gives: a forward hook."""
        self._calls += 1
        self._record(self._call(self._calls), output)

    def _call(self, number: int) -> str:
        return self._name if number == 1 else f"{self._name}:{number}"

    def _record(self, name: str, value: Any) -> None:
        if self._everything and isinstance(value, tuple) and value:
            value = value[0]
        if isinstance(value, Tensor):
            self._outputs.append(LayerOutput(name, self._kind, value.clone()))  # cloned: the next layer may work in place
