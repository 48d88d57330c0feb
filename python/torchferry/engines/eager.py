"""Engine `eager` (Python only): the torch.export program of the bundle, run operator by operator by PyTorch."""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch
from torch.export.passes import move_to_device_pass

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.engines.numerics import torch_numerics
from torchferry.engines.torch_device import call_module, last_line, require_device
from torchferry.errors import ExitCode, FerryError


class EagerModel:
    """An exported program as a module."""

    def __init__(self, request: OpenRequest) -> None:
        self._request = request
        device = require_device(request.device)
        try:
            program = torch.export.load(io.BytesIO(request.main_file))
        except Exception as error:  # damaged files fail in many ways
            raise FerryError(ExitCode.FORMAT, f"eager: got a file that torch.export cannot load: {last_line(error)}") from None
        self._module = move_to_device_pass(program, str(device)).module() if request.device != "cpu" else program.module()

    @property
    def runtime(self) -> str:
        """Name and version."""
        return f"torch {torch.__version__}"

    @property
    def numerics(self) -> str:
        """What decides the bits."""
        return torch_numerics() if self._request.device == "cpu" else ""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """One forward pass."""
        return call_module("eager", self._module, self._request, inputs)


def open_model(request: OpenRequest) -> EagerModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE or FORMAT)."""
    return EagerModel(request)
