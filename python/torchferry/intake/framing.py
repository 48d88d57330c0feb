"""A frame around a user's module: inputs put where `forward` has them, preprocessing before it, nested results as a plain tuple.

torch.jit.script reads source, so the frame's `forward` is written as source with one argument for each input.
"""

from __future__ import annotations

import linecache
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from torchferry.errors import ExitCode, FerryError
from torchferry.intake.binding import bind, contract_name

Path = tuple[int | str, ...]
Preprocess = nn.Module | Mapping[str, nn.Module]


@dataclass(frozen=True)
class Leaf:
    """One tensor of a result: the name that the module gives it, if any, and the indices that lead to it."""

    name: str | None
    path: Path
    value: Any


def leaves(result: Any) -> list[Leaf]:
    """Return every value of a result, in order: of a tensor, tuple, list, NamedTuple or dictionary, also nested."""
    return list(_leaves(result, None, ()))


def _leaves(value: Any, name: str | None, path: Path) -> Iterator[Leaf]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, str(key), (*path, key))
    elif isinstance(value, tuple | list):
        names: Sequence[str | None] = getattr(value, "_fields", (None,) * len(value))
        for index, (item, field) in enumerate(zip(value, names, strict=True)):
            yield from _leaves(item, field, (*path, index))
    else:
        yield Leaf(name, path, value)


def framed(
    module: nn.Module,
    inputs: Sequence[str],
    preprocess: Preprocess | None,
    paths: Sequence[Path] | None,
    *,
    narrow: nn.Module | None = None,
    wide: Collection[Path] = (),
) -> nn.Module:
    """Give `module` its inputs (see `bind`) behind their preprocessing, and return its values at `paths` as a tuple.

    `narrow` is what each input passes last; values at paths of `wide` are returned in float32. Return the module itself where nothing
    of this is needed.

    In the frame the module is `module` and its preprocessing `preprocess`, or `preprocess_NAME` for each input that has one.
    Raises FerryError(USAGE) for inputs that `forward` does not have, or preprocessing of one that does not exist.
    """
    parts = _parts(inputs, preprocess)
    arguments = [f"x{index}" for index in range(len(inputs))]
    fed = [
        f"self.{parts[name][0]}({argument})" if name in parts else argument
        for name, argument in zip(inputs, arguments, strict=True)
    ]
    added = dict(parts.values())
    if narrow is not None:
        fed, added = [f"self.narrow({item})" for item in fed], {**added, "narrow": narrow}
    call = bind(module, inputs, fed)
    if not added and paths is None and call is None:
        return module
    source = _source(arguments, ", ".join(fed) if call is None else call, paths, wide)
    frame: nn.Module = _frame_class(source)(module, added)
    return frame.train(module.training)


def _parts(inputs: Sequence[str], preprocess: Preprocess | None) -> dict[str, tuple[str, nn.Module]]:
    """For each preprocessed input the attribute's name and the module."""
    if preprocess is None:
        return {}
    require_known(inputs, preprocess)
    if isinstance(preprocess, nn.Module):
        return {inputs[0]: ("preprocess", preprocess)}
    return {name: (f"preprocess_{contract_name(name)}", part) for name, part in preprocess.items()}


def require_known(inputs: Sequence[str], preprocess: object) -> None:
    """Require that it is clear which input each preprocessing belongs to. Raises FerryError(USAGE)."""
    if not isinstance(preprocess, Mapping):
        if len(inputs) > 1:
            raise FerryError(
                ExitCode.USAGE,
                f"preprocess: got one module for {len(inputs)} inputs, expected a dictionary of modules by input name: {list(inputs)}",
            )
        return
    for name in preprocess:
        if name not in inputs:
            raise FerryError(ExitCode.USAGE, f"preprocess: got {name!r}, expected names of inputs: {list(inputs)}")


def _source(arguments: Sequence[str], call: str, paths: Sequence[Path] | None, wide: Collection[Path]) -> str:
    lines = [
        "class Frame(torch.nn.Module):",
        "    takes_positions = True",
        "",
        "    def __init__(self, module, parts):",
        "        super().__init__()",
        "        for name, part in parts.items():",
        "            setattr(self, name, part)",
        "        self.module = module",
        "",
        f"    def forward(self, {', '.join(arguments)}):",
        f"        result = self.module({call})",
        f"        return {'result' if paths is None else _picked(paths, wide)}",
    ]
    return "\n".join(lines) + "\n"


def _picked(paths: Sequence[Path], wide: Collection[Path]) -> str:
    items = ["result" + "".join(f"[{step!r}]" for step in path) + (".float()" if path in wide else "") for path in paths]
    return f"({', '.join(items)},)" if len(items) > 1 else items[0]


def _frame_class(source: str) -> Any:
    name = f"<torchferry frame {abs(hash(source)):x}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"torch": torch, "Tensor": Tensor, "__name__": "torchferry.intake.framing"}
    exec(compile(source, name, "exec"), scope)  # the text above, with names that the contract's pattern has let through
    return scope["Frame"]
