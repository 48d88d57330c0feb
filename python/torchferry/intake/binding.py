"""Which input of the contract goes where in `forward`: by name, by position, or into its dictionary, list or tuple of tensors."""

from __future__ import annotations

import collections.abc
import inspect
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from torchferry.errors import ExitCode, FerryError

_DICTIONARIES = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_LISTS = (list, collections.abc.Sequence)


def contract_name(path: str) -> str:
    """Return the contract's name of an input: `batch.image`, the entry `image` of the argument `batch`, is `batch_image`."""
    return path.replace(".", "_")


def bind(module: nn.Module, inputs: Sequence[str], fed: Sequence[str]) -> str | None:
    """Return the arguments of `forward` as source, with `fed[i]` for `inputs[i]`; None where each input is an argument in order.

    Arguments with a default value that no input names are left to it. Raises FerryError(USAGE) where the inputs do not fit.
    """
    parameters = _parameters(module)
    if parameters is None:
        return None
    names = [parameter.name for parameter in parameters]
    if any("." in name for name in inputs):
        return _called(parameters, _grown(module, names, inputs, fed))
    if set(inputs) <= set(names):
        return None if list(inputs) == names else _called(parameters, dict(zip(inputs, fed, strict=True)))
    if (holder := _holder(parameters)) is not None:
        return _called(parameters, {holder.name: _gathered(holder, inputs, fed)})
    _require_order(module, names, inputs)
    if len(inputs) >= len(names):
        return None
    return _called(parameters, dict(zip(names, fed, strict=False)))


def _parameters(module: nn.Module) -> list[inspect.Parameter] | None:
    """Return forward's parameters; None for a frame of ours, compiled code and `*args`, which take inputs by position."""
    if getattr(module, "takes_positions", False):
        return None
    try:
        found = list(inspect.signature(module.forward).parameters.values())
        annotations = typing.get_type_hints(module.forward)
    except (TypeError, ValueError, NameError, AttributeError):
        return None
    if any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in found):
        return None
    return [parameter.replace(annotation=annotations.get(parameter.name, parameter.annotation)) for parameter in found]


def _holder(parameters: Sequence[inspect.Parameter]) -> inspect.Parameter | None:
    """Return the one required parameter if it is annotated as a dictionary, list or tuple."""
    required = [parameter for parameter in parameters if parameter.default is parameter.empty]
    return required[0] if len(required) == 1 and _kind(required[0]) is not None else None


def _kind(parameter: inspect.Parameter) -> type | None:
    origin = typing.get_origin(parameter.annotation) or parameter.annotation
    if origin in _DICTIONARIES:
        return dict
    return list if origin in _LISTS else tuple if origin is tuple else None


def _gathered(holder: inspect.Parameter, inputs: Sequence[str], fed: Sequence[str]) -> str:
    kind = _kind(holder)
    if kind is dict:
        return _written(dict(zip(inputs, fed, strict=True)))
    return f"[{', '.join(fed)}]" if kind is list else f"({', '.join(fed)},)"


def _grown(module: nn.Module, names: Sequence[str], inputs: Sequence[str], fed: Sequence[str]) -> dict[str, str]:
    """Return the arguments that paths such as `batch.image` and `states.0` describe."""
    tree: dict[str, Any] = {}
    for path, source in zip(inputs, fed, strict=True):
        *inner, last = path.split(".")
        place = tree
        for part in inner:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise _misfit(f"got {path!r} and {part!r}, expected either the argument or entries of it")
        if not last or last in place:
            raise _misfit(f"got {path!r}, expected each entry once, as argument.key or argument.0")
        place[last] = source
    for name in tree:
        if name not in names:
            raise _misfit(f"got {name!r}, expected arguments of {type(module).__name__}.forward: {', '.join(names)}")
    return {name: _written(value) for name, value in tree.items()}


def _written(value: str | Mapping[str, Any]) -> str:
    """Return a tree as source; entries 0, 1 ... make a list."""
    if isinstance(value, str):
        return value
    if all(key.isdigit() for key in value):
        if sorted(map(int, value)) != list(range(len(value))):
            raise _misfit(f"got entries {', '.join(value)}, expected 0, 1 ... without a gap")
        return f"[{', '.join(_written(value[str(index)]) for index in range(len(value)))}]"
    return "{" + ", ".join(f"{key!r}: {_written(item)}" for key, item in value.items()) + "}"


def _called(parameters: Sequence[inspect.Parameter], values: Mapping[str, str]) -> str:
    missing = [item.name for item in parameters if item.default is item.empty and item.name not in values]
    if missing:
        raise _misfit(f"got none for {', '.join(missing)}, expected one for each argument of forward that has no default value")
    positional = 0
    while positional < len(parameters) and parameters[positional].name in values and not _by_keyword_only(parameters[positional]):
        positional += 1
    texts = [values[item.name] for item in parameters[:positional]]
    return ", ".join(texts + [f"{item.name}={values[item.name]}" for item in parameters[positional:] if item.name in values])


def _by_keyword_only(parameter: inspect.Parameter) -> bool:
    return parameter.kind is parameter.KEYWORD_ONLY


def _require_order(module: nn.Module, names: Sequence[str], inputs: Sequence[str]) -> None:
    """Require that an input with the name of an argument stands at its place: the others are taken by position."""
    for index, name in enumerate(inputs):
        if name in names and names.index(name) != index:
            others = ", ".join(other for other in inputs if other not in names)
            raise _misfit(
                f"got {name!r} as number {index + 1}, which {type(module).__name__}.forward({', '.join(names)}) has as number "
                f"{names.index(name) + 1}, expected all by name or all in order: forward has no {others}"
            )


def _misfit(problem: str) -> FerryError:
    return FerryError(ExitCode.USAGE, f"inputs: {problem}")
