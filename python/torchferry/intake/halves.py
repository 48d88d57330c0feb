"""float16 and bfloat16 inside a module: where they are, and a part of the frame that rounds float32 to them where the module begins.

Inputs that a contract has in float32 are rounded there, and outputs are float32, which holds every number of both; a contract that
has an input in float16 or bfloat16 has the outputs as the module gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bundle.contract import Array
from torchferry.engines.torch_device import to_tensor
from torchferry.intake.quiet import quiet

HALVES = (torch.float16, torch.bfloat16)


class Narrow(nn.Module):
    """Rounds floats of any shape to float16 or bfloat16; others pass."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Round x to `dtype`, of the same shape."""
        return x.to(self.dtype) if x.is_floating_point() else x


def is_half(dtype: object) -> bool:
    """Say whether it is a dtype of 16 bits for floats."""
    return dtype in HALVES


def half_of(module: nn.Module) -> torch.dtype | None:
    """Return the one half precision that the module's parameters and buffers have; None where there is none, or both."""
    found = {tensor.dtype for tensor in (*module.parameters(), *module.buffers()) if is_half(tensor.dtype)}
    return found.pop() if len(found) == 1 else None


def name_of(dtype: torch.dtype) -> str:
    """Return `bfloat16`."""
    return str(dtype).removeprefix("torch.")


def halves_in(module: nn.Module, inputs: Mapping[str, Array]) -> frozenset[torch.dtype]:
    """Return the half precisions that occur while the module runs on inputs [N, ...], which are arrays of the contract.

    Raises what the module raises.
    """
    tensors = [to_tensor(array) for array in inputs.values()]
    with torch.no_grad(), quiet(), _Seen() as seen:
        module(*tensors)
    return frozenset(seen.dtypes)


class _Seen(TorchDispatchMode):
    """Notes half precisions among arguments and results."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` as it is."""
        result = func(*args, **(kwargs or {}))
        self.dtypes.update(item.dtype for item in tensors_in((args, result)) if is_half(item.dtype))
        return result


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors, of any shape, of nested lists and tuples, in order."""
    if isinstance(value, Tensor):
        return [value]
    return [found for item in value for found in tensors_in(item)] if isinstance(value, list | tuple) else []
