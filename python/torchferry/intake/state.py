"""The state of a model that is called again and again: which outputs are inputs of the next call, as the user said it."""

from __future__ import annotations

from collections.abc import Mapping

from torchferry.bundle.contract import Contract, leaves_an_input, state_problem
from torchferry.errors import ExitCode, FerryError


def with_state(contract: Contract, pairs: Mapping[str, str]) -> Contract:
    """Return the contract with the pairs of input and output that a stream carries.

    Raises FerryError: USAGE for names that it has not and where no input is left, BAD_INPUT for two that differ in dtype or shape.
    """
    inputs, outputs = [spec.name for spec in contract.inputs], [spec.name for spec in contract.outputs]
    for name, source in pairs.items():
        if name not in inputs or source not in outputs:
            raise FerryError(
                ExitCode.USAGE, f"state: got {name}={source}, expected INPUT=OUTPUT with inputs {inputs} and outputs {outputs}"
            )
        if problem := state_problem(contract, name, source):
            raise FerryError(ExitCode.BAD_INPUT, f"state: {problem}; change the module or the pair; nothing was written")
    if not leaves_an_input(contract, pairs):
        raise FerryError(ExitCode.USAGE, "state: got every input, expected one that a stream is given in each call; take one out")
    return contract.model_copy(update={"state": dict(pairs)}) if pairs else contract
