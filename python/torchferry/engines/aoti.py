"""Engine `aoti`: AOTInductor's shared library out of a .pt2. It is machine code of the bundle; see `native_code` in formats/registry.py.

The package has been judged by `aoti_package`; its library is written into a private folder, loaded, and the folder removed.
LibTorch's package loader is left out: it reads the zip again, leaves its folder behind when a load fails, and races with itself.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from torchferry.bundle.contract import Array
from torchferry.engines.aoti_package import Library, open_package
from torchferry.engines.aoti_requirements import check_requirements
from torchferry.engines.base import OpenRequest
from torchferry.engines.private_folder import private_folder
from torchferry.engines.torch_device import call_module, last_line, require_device
from torchferry.errors import ExitCode, FerryError

# A library is loaded once per process: loading one again costs 0.6 MB that nothing gives back.
_LOADED: dict[tuple[str, str], Any] = {}
_TURN = threading.Lock()


class AotiModel:
    """A loaded library; sessions on the same bytes and device share it."""

    def __init__(self, request: OpenRequest) -> None:
        self._request = request
        check_requirements(request.requires, request.device)
        require_device("aoti", request.device)
        self._runner = _load_once(*_choose_file(request), request.device)

    concurrency = 1  # calls take turns

    @property
    def runtime(self) -> str:
        """Name and version."""
        return f"torch {torch.__version__} AOTInductor"

    @property
    def numerics(self) -> str:
        """Unknown: no bits are promised for this engine."""
        return ""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run one forward pass: arrays [N, ...] by input name to arrays [N, ...] by output name."""
        return call_module("aoti", lambda *tensors: self._runner.run(list(tensors)), self._request, inputs)


def weights_of(path: str, files: Mapping[str, bytes], requires: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Return the weights, in their own shapes, of the package for the CPU by their names in the module. It is loaded: only where its code may run.

    Raises FerryError(UNAVAILABLE or FORMAT).
    """
    check_requirements(requires, "cpu")
    runner = _load_once(path, files[path], "cpu")
    names: dict[str, str] = runner.get_constant_names_to_original_fqns()
    held: dict[str, torch.Tensor] = runner.extract_constants_map(False)  # of the constants in use
    return {names.get(name, name): tensor for name, tensor in held.items()}


def _choose_file(request: OpenRequest) -> tuple[str, bytes]:
    """Return the package for the device: `*.cuda.pt2` for CUDA, the artifact's first file for the CPU."""
    cuda = [path for path in request.files if path.endswith(".cuda.pt2")]
    path = next(iter(request.files)) if request.device == "cpu" else cuda[0] if cuda else None
    if path is None:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"--device: got {request.device}, expected cpu: the bundle has no AOTInductor package for CUDA; export it on a machine with CUDA",
        )
    return path, request.files[path]


def _load_once(path: str, data: bytes, device: str) -> Any:
    key = (hashlib.sha256(data).hexdigest(), device)
    with _TURN:
        if key not in _LOADED:
            _LOADED[key] = _load(path, open_package(path, data), device)
        return _LOADED[key]


def _load(path: str, library: Library, device: str) -> Any:
    with private_folder("ferry-aoti-") as folder:
        for name, content in library.files.items():
            (Path(folder) / name).write_bytes(content)
        file = str(Path(folder) / library.name)
        try:
            if device == "cpu":
                return torch._C._aoti.AOTIModelContainerRunnerCpu(file, 1)
            return torch._C._aoti.AOTIModelContainerRunnerCuda(file, 1, device, folder)
        except RuntimeError as error:
            raise FerryError(ExitCode.FORMAT, f"{path}: got a library that torch cannot load: {last_line(error)}") from None


def open_model(request: OpenRequest) -> AotiModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE or FORMAT)."""
    return AotiModel(request)
