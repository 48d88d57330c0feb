"""Golden outputs: what float32 eager gives on this machine, and the float64 reference of the same weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays
from torchferry.engines.torch_device import set_threads, to_arrays, to_tensors
from torchferry.errors import FerryError
from torchferry.intake.source import first_line
from torchferry.intake.widen import double_of, run_in_float64


class Float64Error(Exception):
    """What the copy in float64 raises on inputs to which the module itself has an answer."""


class Reference:
    """A module in eval mode beside its float64 copy; one thread, since the number of threads may change the bits."""

    def __init__(self, module: torch.nn.Module, contract: Contract) -> None:
        self._module = module
        self._double = double_of(module)
        self._contract = contract

    def float32(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs [N, ...] of the module itself, in the contract's dtypes."""
        ordered = {spec.name: inputs[spec.name] for spec in self._contract.inputs}
        set_threads(1)
        with torch.inference_mode():
            return to_arrays(self._contract, self._module(*to_tensors(ordered, torch.device("cpu"))))

    def float64(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs [N, ...] of the float64 copy: float outputs as float64, others in the contract's dtype."""
        return run_in_float64(self._double, self._contract, inputs)

    def case(self, name: str, inputs: Mapping[str, Array]) -> CaseArrays:
        """Make a golden case from inputs [N, ...]. Raises Float64Error, and what the module raises."""
        eager = self.float32(inputs)
        try:
            exact = self.float64(inputs)
        except FerryError:
            raise
        except Exception as error:  # whatever the user's code raises
            raise Float64Error(f"{type(error).__name__}: {first_line(error)}") from error
        return CaseArrays(name, inputs, eager, exact)
