"""From what a command line names to objects: `package.module:factory`, weights files, golden inputs."""

from __future__ import annotations

import pickle
import sys
import zipfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import torchferry.mixed_builds  # noqa: F401  users name factories of torchvision
from torchferry.bundle.contract import Array
from torchferry.bundle.npy import read_array
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.origin import origin_of
from torchferry.intake.quiet import quiet
from torchferry.intake.source import first_line
from torchferry.preprocess import ImagePreprocess

_PREPROCESS = "--preprocess"
_STATE_KEYS = ("state_dict", "model_state_dict", "model")  # where checkpoints of training scripts keep the weights


def load_module(reference: str, weights: Path | None) -> nn.Module:
    """Make the module of `package.module:factory`, in eval mode, with the weights of that file.

    Modules are looked up in the current folder first. Raises FerryError: USAGE where there is no such factory, BAD_INPUT where it
    or the weights are faulty, IO.
    """
    module = build(reference, "RUN")
    if weights is not None:
        load_weights(module, weights)
    return module.eval()


def build(reference: str, where: str) -> nn.Module:
    """Call the factory (a class or function without required arguments), or take the module that stands there.

    Raises FerryError: USAGE for a name that is not there, BAD_INPUT for what makes no module.
    """
    made = _made(reference, where, nn.Module)
    if not isinstance(made, nn.Module):
        raise FerryError(
            ExitCode.BAD_INPUT, f"{where}: {reference}: got {type(made).__name__}, expected a torch.nn.Module; return the module"
        )
    return made


def build_preprocess(reference: str) -> nn.Module | ImagePreprocess:
    """Return the preprocessing that `--preprocess` names, as `build` does: a module in eval mode, or an ImagePreprocess.

    Raises FerryError: USAGE for a name that is not there, BAD_INPUT for what makes neither.
    """
    made = _made(reference, _PREPROCESS, (nn.Module, ImagePreprocess))
    if isinstance(made, nn.Module):
        return made.eval()
    if not isinstance(made, ImagePreprocess):
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{_PREPROCESS}: {reference}: got {type(made).__name__}, expected a torch.nn.Module or an ImagePreprocess; return one",
        )
    return made


def _made(reference: str, where: str, kinds: type | tuple[type, ...]) -> Any:
    """Return what stands there if it is of these kinds, else what calling it gives."""
    found = _find(reference, where)
    if isinstance(found, kinds):
        return found
    if not callable(found):
        raise FerryError(
            ExitCode.USAGE,
            f"{where}: got {reference!r}, a {type(found).__name__}, expected a class or function that builds the module",
        )
    try:
        return found()
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise _fault(f"{where}: {reference}", error, "expected it to build the module without arguments") from None


def _find(reference: str, where: str) -> Any:
    package, _, name = reference.partition(":")
    if not package or not name:
        raise FerryError(
            ExitCode.USAGE, f"{where}: got {reference!r}, expected package.module:factory; name both the module and the factory"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(package)
    except ModuleNotFoundError as error:
        raise FerryError(
            ExitCode.USAGE,
            f"{where}: got {reference!r}, expected package.module:factory: no module named {error.name!r}; run it in the folder that holds the code",
        ) from None
    except (Exception, SystemExit) as error:  # whatever the user's code raises while it is imported
        raise _fault(f"{where}: {package}", error, "expected it to be importable") from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise FerryError(
                ExitCode.USAGE, f"{where}: got {reference!r}, expected package.module:factory: {package} has no {name!r}"
            )
        found = getattr(found, part)
    return found


def _fault(where: str, error: BaseException, expected: str) -> FerryError:
    line = origin_of(error)
    return FerryError(
        ExitCode.BAD_INPUT, f"{where}: got {type(error).__name__}: {first_line(error)}{f' at {line}' if line else ''}; {expected}"
    )


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a state_dict, with `weights_only=True`: no code in the file is run. Raises FerryError(IO or BAD_INPUT)."""
    if not path.is_file():
        raise FerryError(ExitCode.IO, f"--weights {path}: got {_found(path)}, expected a state_dict; check the path")
    try:
        with quiet():  # torch warns of pickle protocols
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, zipfile.BadZipFile) as error:
        objects = "Weights only load failed" in str(error)
        problem = (
            "objects that only running code could restore" if objects else f"a file that torch.load refuses ({first_line(error)})"
        )
        raise FerryError(
            ExitCode.BAD_INPUT, f"--weights {path}: got {problem}, expected tensors; save module.state_dict() with torch.save"
        ) from None
    state = _state_dict(loaded)
    if state is None:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"--weights {path}: got {type(loaded).__name__}, expected a state_dict; save module.state_dict() with torch.save",
        )
    _require_fit(module, state, path)
    module.load_state_dict(state)


def _found(path: Path) -> str:
    return "a folder" if path.is_dir() else "no such file"


def _state_dict(loaded: Any) -> Mapping[str, torch.Tensor] | None:
    candidates = [loaded, *(loaded.get(key) for key in _STATE_KEYS)] if isinstance(loaded, Mapping) else []
    for candidate in candidates:
        if isinstance(candidate, Mapping) and candidate and all(isinstance(value, torch.Tensor) for value in candidate.values()):
            return candidate
    return None


def _require_fit(module: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    own = module.state_dict()
    missing, unexpected = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    if missing or unexpected:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"--weights {path}: got {len(state)} tensors that do not fit {type(module).__name__}: missing {_few(missing)}, unexpected {_few(unexpected)}; "
            "give the weights of this very module",
        )
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"--weights {path}: {name}: got shape {list(state[name].shape)}, expected {list(tensor.shape)}; give the weights of this very module",
            )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}" if names else "none"


def read_goldens(path: Path) -> dict[str, Array] | Array:
    """Read golden inputs [N, ...] from .npz (by name) or .npy (one input). Raises FerryError(IO or BAD_INPUT)."""
    if not path.is_file():
        raise FerryError(ExitCode.IO, f"--golden {path}: got {_found(path)}, expected .npz or .npy; check the path")
    where = f"--golden {path}"
    if not zipfile.is_zipfile(path):
        return read_array(path.read_bytes(), where=where, code=ExitCode.BAD_INPUT)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise FerryError(
            ExitCode.BAD_INPUT, f"{where}: got an archive that cannot be read ({first_line(error)}), expected one of numpy.savez"
        ) from None
