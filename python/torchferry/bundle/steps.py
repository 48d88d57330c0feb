"""The steps of a stream among golden cases: each gets the state that the engine itself gave in the step before.

The C++ twin is in cpp/src/verify.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.state import CarriedState


class Steps:
    """The state of one stream while its golden cases are run in their order. Cases that are no steps stay as they are."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._carried: CarriedState | None = None

    def inputs(self, case: CaseArrays) -> Mapping[str, Array]:
        """Return the inputs [N, ...] of the call: those of a step with the state, zeros in the first one."""
        if not case.is_step:
            return case.inputs
        if self._carried is None:
            pairs = [f"{name}={source}" for name, source in self._contract.state.items()]
            self._carried = CarriedState(self._contract, pairs, samples=streams_of(self._contract, case.inputs))
        return self._carried.complete(dict(case.inputs))

    def keep(self, case: CaseArrays, outputs: Mapping[str, Array]) -> None:
        """Keep the state of a step's outputs [N, ...] for the next one."""
        if case.is_step and self._carried is not None:
            self._carried.keep(outputs)


def streams_of(contract: Contract, inputs: Mapping[str, Array]) -> int:
    """Return how many streams lie side by side in the inputs [N, ...] of a step; one where none of them has a batch."""
    return next((len(inputs[spec.name]) for spec in contract.given_inputs if spec.is_batched), 1)
