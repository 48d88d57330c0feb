"""Engine `torchscript`: torch.jit from Python. Deprecated by PyTorch since 2.11: it works and gets no fixes."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any

import torch

from torchferry.bundle.contract import Array
from torchferry.engines.base import OpenRequest
from torchferry.engines.numerics import torch_numerics
from torchferry.engines.torch_device import call_module, last_line, require_device
from torchferry.engines.torchscript_door import check_archive, check_functions
from torchferry.errors import ExitCode, FerryError

_PRINTING = threading.Lock()


class TorchScriptModel:
    """A loaded and frozen torch.jit module."""

    def __init__(self, request: OpenRequest) -> None:
        self._request = request
        device = require_device("torchscript", request.device)
        self._prints = check_archive(request.main_path, request.main_file, request.allow_ops, request.requires).prints
        module = _load(request.main_path, request.main_file, request.allow_ops, request.requires, device)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of torch 2.14: freeze is deprecated, as all of torch.jit
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
        """Run one forward pass: arrays [N, ...] by input name to arrays [N, ...] by output name. What the model prints goes to stderr."""
        with _prints_to_stderr() if self._prints else nullcontext():
            return call_module("torchscript", self._module, self._request, inputs)


def load_archive(path: str, data: bytes, *, allow_ops: Collection[str] = (), requires: Mapping[str, str]) -> Any:
    """Load an archive on the CPU after the door has judged it. Raises FerryError(FORMAT)."""
    check_archive(path, data, allow_ops, requires)
    return _load(path, data, allow_ops, requires, torch.device("cpu"))


def _load(path: str, data: bytes, allow_ops: Collection[str], requires: Mapping[str, str], device: torch.device) -> Any:
    """torch.jit.load, but for a look at what it compiled. Raises FerryError(FORMAT)."""
    unit: Any = torch._C.CompilationUnit()
    try:
        load: Any = torch._C.import_ir_module_from_buffer  # PyTorch's stub is of an older release
        module = torch.jit._recursive.wrap_cpp_module(load(unit, data, device, {}, False))
    except Exception as error:  # damaged files fail in many ways
        raise FerryError(ExitCode.FORMAT, f"torchscript: got a file that torch.jit cannot load: {last_line(error)}") from None
    check_functions(path, unit, allow_ops, requires)
    return module


@contextmanager
def _prints_to_stderr() -> Iterator[None]:
    """stdout holds answers only. sys.stdout is one for all threads, so that models that print run one after another."""
    with _PRINTING, redirect_stdout(sys.stderr):
        yield


def open_model(request: OpenRequest) -> TorchScriptModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE or FORMAT)."""
    return TorchScriptModel(request)
