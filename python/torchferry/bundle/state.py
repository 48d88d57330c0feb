"""The state of a model that is called again and again: an output that is an input of the next call. The C++ twin: cpp/src/carried_state.cpp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from torchferry.bundle.contract import Array, Contract, TensorSpec, leaves_an_input, state_problem
from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError


class CarriedState:
    """The inputs that are zeros in the first call, and the outputs of the last call in each other one.

    `lines`: the contract of what a call is given beside it. `samples`: streams side by side. Raises FerryError(USAGE) for a pair
    `INPUT=OUTPUT` that cannot be carried.
    """

    def __init__(self, contract: Contract, pairs: Sequence[str], *, samples: int = 1) -> None:
        self._sources = dict(_pair(contract, pair) for pair in pairs)
        self._zeros = {name: _zeros(contract.input(name), samples) for name in self._sources}
        self._values = dict(self._zeros)
        if len(self._sources) < len(pairs) or not leaves_an_input(contract, self._sources):
            raise FerryError(ExitCode.USAGE, "--carry: got an input twice, or no input is left for the lines; take one out")
        left = tuple(spec for spec in contract.inputs if spec.name not in self._sources)
        self.lines = contract.model_copy(update={"inputs": left})

    def complete(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Return the inputs of a call [N, ...] by name, of those that a line holds."""
        return {**inputs, **self._values}

    @property
    def values(self) -> dict[str, Array]:
        """What the next call gets, by input, [N, ...]."""
        return dict(self._values)

    def reset(self) -> None:
        """Begin again with zeros."""
        self._values = dict(self._zeros)

    def keep(self, outputs: Mapping[str, Array]) -> None:
        """Keep what the next call gets of the outputs [N, ...] of this one."""
        self._values = {name: outputs[source] for name, source in self._sources.items()}


def _pair(contract: Contract, pair: str) -> tuple[str, str]:
    name, _, source = pair.partition("=")
    if name in {spec.name for spec in contract.inputs} and source in {spec.name for spec in contract.outputs}:
        if problem := state_problem(contract, name, source):
            raise FerryError(ExitCode.USAGE, f"--carry: {problem}")
        return name, source
    raise FerryError(ExitCode.USAGE, f"--carry: got {quoted(pair)}, expected INPUT=OUTPUT with names of the contract")


def _zeros(spec: TensorSpec, samples: int) -> Array:
    return np.zeros([samples if isinstance(dim, str) else dim for dim in spec.shape], spec.dtype)
