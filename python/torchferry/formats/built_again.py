"""A program built again from the reference, with values inside it as further outputs: the probe of an artifact that hides its values.

What it computes is decided by the reference's code and by weights taken from the artifact.
"""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy

import torch
from torch import Tensor, nn

from torchferry.bundle.contract import SymbolRange, TensorSpec
from torchferry.formats.taps import PROBED, ProbeRequest, Tap
from torchferry.intake.outputs import symbol_sizes
from torchferry.intake.source import ExportSource

_FRAME = "module."


def source_of(request: ProbeRequest, taps: Collection[Tap], *, module: nn.Module | None = None) -> ExportSource:
    """Return the reference with some taps as what an exporter is given: sizes are free up to those of the request's inputs.

    `module`: what stands for the reference with its taps; None: a copy of it.
    """
    sizes = symbol_sizes(request.contract.inputs, request.inputs)
    free = {name: size for name, size in sizes.items() if size > 1}  # torch.export takes 0 and 1 for constants
    inputs = tuple(_sized(spec, sizes, free) for spec in request.contract.inputs)
    inside = tuple(
        TensorSpec(
            name=PROBED.format(index),
            dtype=tap.dtype,  # type: ignore[arg-type]  # find_taps has held it to the contract's dtypes
            shape=tap.shape,
            range=None,
            unit=None,
            allow_nonfinite=tap.is_float,
        )
        for index, tap in enumerate(taps)
    )
    symbols = {name: SymbolRange(min=min(request.contract.symbols[name].min, size), max=size) for name, size in free.items()}
    contract = request.contract.model_copy(
        update={"inputs": inputs, "outputs": (*request.contract.outputs, *inside), "symbols": symbols, "classes": None}
    )
    return ExportSource(module or layered(request, taps), contract, dict(request.inputs))


def layered(request: ProbeRequest, taps: Collection[Tap]) -> nn.Module:
    """Return a copy of the reference that gives the contract's outputs and then the taps, each as a value of its own."""
    return _Apart(deepcopy(request.layered(list(taps))), len(request.contract.outputs))


class _Apart(nn.Module):
    """A module whose outputs from `first` on are products with one: a compiler may not take two of them for one value."""

    def __init__(self, module: nn.Module, first: int) -> None:
        super().__init__()
        self.module, self._first = module, first

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the same numbers."""
        values = self.module(*inputs)
        return (*values[: self._first], *(value if value.dtype == torch.bool else value * 1 for value in values[self._first :]))


def carry_weights(module: nn.Module, weights: dict[str, Tensor]) -> tuple[int, int]:
    """Put weights of any shape into the module's parameters and buffers of their names, whatever frames stand before them.

    Returns how many of the module's there are, and how many of them were found.
    """
    known = {_bare(name): tensor for name, tensor in weights.items()}
    own = {_bare(name): tensor for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    found = [name for name, tensor in own.items() if name in known and known[name].shape == tensor.shape]
    for name in found:
        own[name].data.copy_(known[name])
    return len(own), len(found)


def _bare(name: str) -> str:
    while name.startswith(_FRAME):
        name = name.removeprefix(_FRAME)
    return name


def _sized(spec: TensorSpec, sizes: dict[str, int], free: Collection[str]) -> TensorSpec:
    dims = tuple(dim if isinstance(dim, int) or dim in free else sizes[dim] for dim in spec.shape)
    return spec.model_copy(update={"shape": dims})


def told(weights: str) -> str:
    """Return what a report says of a program that was built again with these weights."""
    return (
        f"the layers are those of a program that was built again from the eager side with {weights}: its bits may differ from the "
        "artifact's, which keeps its layers to itself and whose own outputs are compared below them"
    )
