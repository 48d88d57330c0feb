"""What `torchferry.export` is called with, before anything is computed: a wrong kind of value is told in a line."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from numbers import Integral

from torch import nn

from torchferry.errors import ExitCode, FerryError

# Layers that answer otherwise in training; any other module before the user's is one that nobody trains.
_TRAINED = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)


def require_inputs(inputs: object) -> None:
    """Require names with specs. Raises FerryError(USAGE)."""
    if not isinstance(inputs, Mapping):
        raise _refused("inputs", _kind(inputs), "a dictionary of names, e.g. {'x': 'float32[N,3]'}")
    for name, value in inputs.items():
        if not isinstance(name, str):
            raise _refused("inputs", f"a name of {_kind(name)}", "a text")
        if not isinstance(value, str) and not (hasattr(value, "shape") and hasattr(value, "dtype")):
            raise _refused(f"input {name}", _kind(value), "a spec, e.g. 'float32[N,3]', or an example array")


def require_list(argument: str, value: Collection[str] | Sequence[object] | None) -> None:
    """Require several names, and no text of one, whose letters would be names. Raises FerryError(USAGE)."""
    if isinstance(value, str):
        raise _refused(argument, f"the text {value!r}", f"a list, e.g. {value.split(',')}")


def require_seed(seed: object) -> None:
    """Require what NumPy draws from. Raises FerryError(USAGE)."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise _refused("--seed", repr(seed), "a whole number, 0 or more")


def require_text(argument: str, value: object) -> None:
    """Require a text that UTF-8 can hold; None is none. Raises FerryError(USAGE)."""
    if value is None:
        return
    if not isinstance(value, str):
        raise _refused(argument, _kind(value), "a text")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _refused(argument, ascii(value), "a text that UTF-8 can hold: half of a surrogate pair is none")


def require_path(value: str | os.PathLike[str]) -> None:
    """Require a path that a file system can have. Raises FerryError(USAGE)."""
    if "\0" in os.fspath(value):
        raise _refused("out", repr(os.fspath(value)), "a path without a NUL")


def require_eval_preprocess(preprocess: object) -> None:
    """Require what trains otherwise than it answers, before the user's module, to be in eval mode. Raises FerryError(BAD_INPUT)."""
    parts = preprocess.values() if isinstance(preprocess, Mapping) else [preprocess]
    for part in parts:
        for path, inner in part.named_modules() if isinstance(part, nn.Module) else ():
            if inner.training and isinstance(inner, _TRAINED):
                raise FerryError(
                    ExitCode.BAD_INPUT,
                    f"preprocess: {path or type(inner).__name__}: got train mode, expected eval mode: dropout and batch norm would behave as in "
                    "training; call eval() of it first",
                )


def _kind(value: object) -> str:
    return type(value).__name__


def _refused(argument: str, got: str, expected: str) -> FerryError:
    return FerryError(ExitCode.USAGE, f"{argument}: got {got}, expected {expected}")
