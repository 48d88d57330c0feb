"""Where a module's Python code decides by the values of its inputs: what a trace of one run would freeze."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from torchferry.intake.origin import current_origin

_ONLY_SHAPE = ("empty", "zeros", "ones", "full", "new_", "rand", "arange", "eye", "sym_size", "sym_numel")
_TO_PYTHON = (torch.Tensor.numpy, torch.Tensor.__array__, torch.Tensor.tolist)  # leave without an operator


@dataclass
class Decisions:
    """Lines of the user's code. `on_values`: a value of an input became a Python value. `on_sizes`: an input's values made a size."""

    on_values: list[str] = field(default_factory=list)
    on_sizes: list[str] = field(default_factory=list)


def find_decisions(module: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> Decisions:
    """Run the module on example inputs [N, ...] and follow what is computed from their values.

    Shapes are no values: `if x.shape[1] > 8` is no decision on data, nor is one on parameters and buffers alone.
    """
    found = Decisions()
    known = WeakTensorKeyDictionary()
    for example in examples:
        known[example] = True
    with torch.no_grad(), _Leaving(known, found), _Following(known, found):
        module(*examples)
    return found


class _Following(TorchDispatchMode):
    """Marks every tensor that an operator computes from the values of a marked one."""

    def __init__(self, known: WeakTensorKeyDictionary, found: Decisions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self._known = known
        self._found = found

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` as it is."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if any(tensor in self._known for tensor in _tensors((args, kwargs))) and not name.startswith(_ONLY_SHAPE):
            if torch.Tag.data_dependent_output in func.tags:
                self._found.on_values.append(current_origin() or name)
            if torch.Tag.dynamic_output_shape in func.tags and not _takes_positions(func, args):
                self._found.on_sizes.append(current_origin() or name)
            for tensor in (*_tensors(result), *_written(func, args)):
                self._known[tensor] = True
        return result


class _Leaving(TorchFunctionMode):
    """Notes the calls that give Python the values of a marked tensor without an operator."""

    def __init__(self, known: WeakTensorKeyDictionary, found: Decisions) -> None:
        super().__init__()
        self._known = known
        self._found = found

    def __torch_function__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` as it is."""
        if func in _TO_PYTHON and any(tensor in self._known for tensor in _tensors(args)):
            self._found.on_values.append(current_origin() or func.__name__)
        return func(*args, **(kwargs or {}))


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    return (value for value in tree_leaves(values) if isinstance(value, torch.Tensor))


def _takes_positions(func: Any, args: tuple[Any, ...]) -> bool:
    """Say whether this is indexing by positions, whose size is that of the index, and not by a mask."""
    return func.overloadpacket is torch.ops.aten.index and all(
        index.dtype not in (torch.bool, torch.uint8) for index in _tensors(args[1])
    )


def _written(func: Any, args: tuple[Any, ...]) -> Iterator[torch.Tensor]:
    """Yield what an operator in place has changed."""
    for argument, value in zip(func._schema.arguments, args, strict=False):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from _tensors(value)
