"""The weights inside an artifact, by their names in the state_dict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch

from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Artifact
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.intake.halves import is_half
from torchferry.intake.source import first_line

Reader = Callable[[Artifact, bytes, Collection[str]], dict[str, Array]]
_FRAME = "module."  # what intake/framing.py and intake/source.py put around a module


def read_weights(bundle: Bundle, artifact: Artifact, *, allow_ops: Collection[str] = ()) -> dict[str, Array] | None:
    """Read parameters and buffers of any shape, named without the frame around the module. Raises FerryError(FORMAT).

    None for a format that hides them.
    """
    row = registry.of_format(artifact.format)
    if row is None or row.weights is None:
        return None
    try:
        read: Reader = registry.load(row.weights)
        found = read(artifact, bundle.read(artifact.files[0]), allow_ops)
    except FerryError:
        raise
    except Exception as error:  # damaged files fail in many ways
        raise FerryError(
            ExitCode.FORMAT,
            f"{bundle.folder / artifact.files[0].path}: got a file whose weights cannot be read ({first_line(error)}); export the bundle again",
        ) from None
    return _unframed(found)


def arrays(state: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    """Return the tensors of a state_dict as arrays of the same shapes; float16 and bfloat16 as float32, which holds their numbers."""
    plain = {name: tensor.detach().cpu() for name, tensor in state.items()}
    return {name: (tensor.float() if is_half(tensor.dtype) else tensor).numpy() for name, tensor in plain.items()}


def _unframed(weights: dict[str, Array]) -> dict[str, Array]:
    while weights and all(name.startswith(_FRAME) for name in weights):
        weights = {name.removeprefix(_FRAME): array for name, array in weights.items()}
    return weights
