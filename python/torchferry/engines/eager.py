"""Engine `eager` (Python only): the torch.export program of the bundle, run operator by operator by PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.export.passes import move_to_device_pass

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.engines.numerics import torch_numerics
from torchferry.engines.program_loader import load_program
from torchferry.engines.torch_device import call_module, require_device


class EagerModel:
    """An exported program as a module."""

    def __init__(self, request: OpenRequest) -> None:
        self._request = request
        device = require_device("eager", request.device)
        program = load_program(next(iter(request.files)), request.main_file)
        moved = program if request.device == "cpu" else move_to_device_pass(program, str(device))
        self._module = moved.module(check_guards=False)  # guards are compiled from text; the contract checks the inputs

    @property
    def module(self) -> torch.nn.Module:
        """The program as a module, on its device."""
        return self._module

    @property
    def runtime(self) -> str:
        """Name and version."""
        return f"torch {torch.__version__}"

    @property
    def numerics(self) -> str:
        """What decides the bits."""
        return torch_numerics() if self._request.device == "cpu" else ""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run one forward pass: arrays [N, ...] by input name to arrays [N, ...] by output name."""
        return call_module("eager", self._module, self._request, inputs)


def open_model(request: OpenRequest) -> EagerModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE or FORMAT)."""
    return EagerModel(request)
