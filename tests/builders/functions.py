"""Functions as modules, many of them as one module, and a recurrent layer whose tensors have the batch first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Array, Subject, subject_of
from torchferry.intake.halves import Narrow


class Of(nn.Module):
    """A function of one or several tensors as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: Tensor) -> Any:
        return self.function(*x)


class Between(nn.Module):
    """A module in half precision that takes and gives float32."""

    def __init__(self, inner: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.narrow, self.inner = Narrow(dtype), inner.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.inner(self.narrow(x)).float()
        return made


class First(nn.Module):
    """All tensors that a recurrent layer gives, with the batch first."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y, state = self.layer(x)
        states = state if isinstance(state, tuple) else (state,)
        return (y, *(part.transpose(0, 1) for part in states))


class All(nn.Module):
    """Many functions of the same tensors, one output each."""

    def __init__(self, functions: Iterable[Callable[..., Tensor]]) -> None:
        super().__init__()
        self.functions = list(functions)

    def forward(self, *x: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(*x) for function in self.functions)


class Each(nn.Module):
    """Layers side by side, each on an input of its own."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        results = [layer(x) for layer, x in zip(self.layers, inputs, strict=True)]
        return tuple(tensor for result in results for tensor in (result if isinstance(result, tuple) else (result,)))


def side_by_side(layers: Mapping[str, nn.Module], samples: Mapping[str, Array]) -> Subject:
    """One network of many layers, exported once; `samples` has the input of each. Output `b_1` is the second of layer `b`.

    Layers and samples have the same names, of which those of inputs and outputs are made.
    """
    inputs = {f"to_{member(name)}": samples[name] for name in layers}
    names = []
    for name, layer in layers.items():
        with torch.no_grad():
            made = layer.eval()(torch.from_numpy(samples[name]))
        names += [f"{member(name)}_{number}" for number in range(len(made) if isinstance(made, tuple) else 1)]
    specs = tuple(spec(name, shape=("N", *array.shape[1:])) for name, array in inputs.items())
    return subject_of(Each(layers.values()), specs, tuple(names), inputs)


def member(name: str) -> str:
    """Make a name of a table a C identifier."""
    return re.sub(r"\W+", "_", name)


def differing(actual: Mapping[str, Array], expected: Mapping[str, Array]) -> list[str]:
    """Return the names of the outputs whose bytes differ."""
    assert set(actual) == set(expected)
    return [name for name in expected if actual[name].tobytes() != expected[name].tobytes()]
