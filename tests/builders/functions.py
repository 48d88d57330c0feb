"""A function as a module, and a recurrent layer whose tensors have the batch first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Of(nn.Module):
    """A function of one or several tensors as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: Tensor) -> Any:
        return self.function(*x)


class First(nn.Module):
    """All tensors that a recurrent layer gives, with the batch first."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y, state = self.layer(x)
        states = state if isinstance(state, tuple) else (state,)
        return (y, *(part.transpose(0, 1) for part in states))
