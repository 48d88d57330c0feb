"""Consecutive steps of a module with a state: their inputs, and the module that takes them all at once.

A stream begins with a state of zeros (bundle/state.py). Step k + 1 gets what the outputs of step k say, so the answer to step k
is that of a module which calls the exported one k times: in float32 and in float64 that is the reference, and its bound is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.dtype import numpy_dtype
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.steps import streams_of
from torchferry.engines.base import name_outputs
from torchferry.intake.golden_cases import GoldenInputs, smallest_batch

STREAM = "stream"
SIDE_BY_SIDE = 4  # streams, so that a state that gets into another one shows; of samples that are not independent: all


class Unrolled(torch.nn.Module):
    """A module called once a step: inputs of every step and the first state, to outputs of every step."""

    def __init__(self, module: torch.nn.Module, contract: Contract, steps: int) -> None:
        super().__init__()
        self.module = module
        self._contract = contract
        self._steps = steps

    def forward(self, *inputs: torch.Tensor) -> tuple[object, ...]:
        """Return the outputs [N, ...] of each step, in the contract's order; `inputs` in that of `unrolled_contract`."""
        names = [spec.name for spec in self._contract.given_inputs]
        state: dict[str, Any] = dict(zip(self._contract.state, inputs[len(names) * self._steps :], strict=True))
        found: list[object] = []
        for step in range(self._steps):
            given = {**dict(zip(names, inputs[step * len(names) :], strict=False)), **state}
            outputs = name_outputs(self._contract, self.module(*(given[spec.name] for spec in self._contract.inputs)))
            found += [outputs[spec.name] for spec in self._contract.outputs]
            state = {name: outputs[source] for name, source in self._contract.state.items()}
        return tuple(found)


def unrolled_contract(contract: Contract, steps: int) -> Contract:
    """Return the contract of that module, whose names are not those that a manifest allows."""
    given = [_renamed(spec, step) for step in range(1, steps + 1) for spec in contract.given_inputs]
    first = [_renamed(contract.input(name), 0) for name in contract.state]
    outputs = [_renamed(spec, step) for step in range(1, steps + 1) for spec in contract.outputs]
    return Contract.model_construct(
        inputs=(*given, *first),
        outputs=tuple(outputs),
        symbols=contract.symbols,
        classes=None,
        samples=contract.samples,
        state={},
    )


def unrolled_inputs(contract: Contract, inputs: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the inputs of that module, from those of each step [N, ...] and a state of zeros."""
    samples = streams_of(contract, inputs[0])
    found = {of_step(name, step): array for step, given in enumerate(inputs, 1) for name, array in given.items()}
    return found | {of_step(name, 0): _zeros(contract.input(name), samples) for name in contract.state}


def steps_of(contract: Contract, whole: CaseArrays, inputs: Sequence[Mapping[str, Array]]) -> list[CaseArrays]:
    """Return the golden case of each step [N, ...], cut out of the case of the whole module."""

    def cut(outputs: Mapping[str, Array], step: int) -> dict[str, Array]:
        return {spec.name: outputs[of_step(spec.name, step)] for spec in contract.outputs}

    return [
        CaseArrays(f"{STREAM}-{len(inputs)}-step-{step}", given, cut(whole.float32, step), cut(whole.float64, step), "stream")
        for step, given in enumerate(inputs, 1)
    ]


def step_inputs(contract: Contract, golden: GoldenInputs, steps: int) -> list[dict[str, Array]]:
    """Return the inputs of each step [n, ...] without the state: of stream i in step k those of golden i + k, and then the first again.

    Where the contract has no batch, one golden after the other of those that have one size.
    """
    every = [golden.arrays, *golden.more]
    alike = [arrays for arrays in every if all(arrays[name].shape == array.shape for name, array in golden.arrays.items())]
    count = next((len(golden.arrays[spec.name]) for spec in contract.given_inputs if spec.is_batched), 0)
    streams = min(count, max(SIDE_BY_SIDE, smallest_batch(contract, golden.arrays))) if BATCH in contract.symbols else 0
    if contract.samples == "batch":
        streams = count

    def taken(spec: TensorSpec, step: int) -> Array:
        array = alike[step % len(alike)][spec.name] if not count else golden.arrays[spec.name]
        return array[(np.arange(streams) + step) % count] if spec.is_batched and count else array

    return [{spec.name: taken(spec, step) for spec in contract.given_inputs} for step in range(steps)]


def of_step(name: str, step: int) -> str:
    """Return the name of a tensor in a step; step 0 has the first state."""
    return f"{name} of step {step}"


def _renamed(spec: TensorSpec, step: int) -> TensorSpec:
    return spec.model_copy(update={"name": of_step(spec.name, step)})


def _zeros(spec: TensorSpec, samples: int) -> Array:
    return np.zeros([samples if isinstance(dim, str) else dim for dim in spec.shape], numpy_dtype(spec.dtype))
