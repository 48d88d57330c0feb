"""Engine `torchscript`: torch.jit from Python. Deprecated by PyTorch since 2.11: it works and gets no fixes."""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.engines.numerics import torch_numerics
from torchferry.engines.torch_device import call_module, last_line, require_device
from torchferry.errors import ExitCode, FerryError


class TorchScriptModel:
    """A loaded and frozen torch.jit module."""

    def __init__(self, request: OpenRequest) -> None:
        self._request = request
        device = require_device(request.device)
        try:
            module = torch.jit.load(io.BytesIO(request.main_file), map_location=device)
            # optimize_numerics would fold batch norm into the layer before it: other bits than eager.
            self._module = torch.jit.freeze(module.eval(), optimize_numerics=False)
        except Exception as error:  # damaged files fail in many ways
            raise FerryError(ExitCode.FORMAT, f"torchscript: got a file that torch.jit cannot load: {last_line(error)}") from None

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
        return call_module("torchscript", self._module, self._request, inputs)


def open_model(request: OpenRequest) -> TorchScriptModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE or FORMAT)."""
    return TorchScriptModel(request)
