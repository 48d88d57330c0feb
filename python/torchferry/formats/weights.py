"""The weights inside an artifact, by their names in the state_dict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import onnx
import torch

from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Artifact
from torchferry.bundle.reader import Bundle
from torchferry.engines.onnx_door import check_model
from torchferry.engines.program_loader import load_weights
from torchferry.engines.torchscript import load_archive
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import first_line

_FRAME = "module."  # what intake/framing.py and intake/source.py put around a module


def read_weights(bundle: Bundle, artifact: Artifact, *, allow_ops: Collection[str] = ()) -> dict[str, Array] | None:
    """Parameters and buffers without the frame around the module; None for a format that hides them. Raises FerryError(FORMAT)."""
    data = bundle.read(artifact.files[0])
    try:
        if artifact.format == "torchscript":
            module = load_archive(artifact.files[0].path, data, allow_ops=allow_ops, requires=artifact.requires)
            found = _arrays(module.state_dict())
        elif artifact.format in _READERS:
            found = _READERS[artifact.format](data)
        else:
            return None
    except FerryError:
        raise
    except Exception as error:  # damaged files fail in many ways
        raise FerryError(
            ExitCode.FORMAT,
            f"{bundle.folder / artifact.files[0].path}: got a file whose weights cannot be read ({first_line(error)}); export the bundle again",
        ) from None
    return _unframed(found)


def _program(data: bytes) -> dict[str, Array]:
    return _arrays(load_weights("program", data))


def _onnx(data: bytes) -> dict[str, Array]:
    check_model("model", data)  # onnx.numpy_helper opens the files that a tensor names
    graph = onnx.load_from_string(data).graph
    named = (tensor for tensor in graph.initializer if "." in tensor.name)  # others are constants that the exporter has made
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in named}


_READERS: dict[str, Callable[[bytes], dict[str, Array]]] = {"export": _program, "onnx": _onnx}


def _arrays(state: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}


def _unframed(weights: dict[str, Array]) -> dict[str, Array]:
    while weights and all(name.startswith(_FRAME) for name in weights):
        weights = {name.removeprefix(_FRAME): array for name, array in weights.items()}
    return weights
