"""A decision is on data if a value of an input reaches Python: not by shapes, parameters or what is made of shapes alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from torchferry.intake.decisions import find_decisions

X = torch.linspace(-1, 1, 12).reshape(4, 3)


class Tensors(NamedTuple):
    x: Tensor  # an input
    w: Tensor  # a weight


Function = Callable[[Tensors], object]

ON_VALUES: dict[str, Function] = {
    "bool": lambda t: bool(t.x.sum() > 0),
    "int": lambda t: int(t.x.sum()),
    "float": lambda t: float(t.x.sum()),
    "item": lambda t: t.x.max().item(),
    "tolist": lambda t: t.x.tolist(),
    "equal": lambda t: torch.equal(t.x, t.w),
    "allclose": lambda t: torch.allclose(t.x, t.w),
    "numpy": lambda t: np.asarray(t.x.detach() * 2).max(),
    "of a view": lambda t: bool(t.x[0, 0] > 0),
    "written in place": lambda t: bool(torch.zeros(3).add_(t.x[0]).sum() > 0),
    "written by index": lambda t: bool(t.w.clone().index_put_((torch.tensor([0]),), t.x[0, 0]).sum() > 0),
    "through a weight": lambda t: bool((t.x @ t.w.T).sum() > 0),
}
NOT_ON_VALUES: dict[str, Function] = {
    "a shape": lambda t: t.x.shape[1] > 2,
    "iteration": lambda t: [row + 1 for row in t.x],
    "a weight": lambda t: bool(t.w.sum() > 0),
    "zeros of the same shape": lambda t: bool(torch.zeros_like(t.x).sum() > 0),
    "a new tensor": lambda t: bool(t.x.new_ones(2).sum() > 0),
    "positions": lambda t: t.x[:, torch.tensor([0, 2])],
}
ON_SIZES: dict[str, Function] = {
    "nonzero": lambda t: t.x.nonzero(),
    "a mask": lambda t: t.x[t.x > 0],
    "masked_select": lambda t: t.x.masked_select(t.x > 0),
    "unique": lambda t: t.x.unique(),
}


class Deciding(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(4, 3))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        self.function(Tensors(x, self.weight))
        return x


@pytest.mark.parametrize("name", ON_VALUES)
def test_a_value_of_an_input_in_python_is_a_decision(name: str) -> None:
    found = find_decisions(Deciding(ON_VALUES[name]), (X,))
    assert "test_decisions.py" in found.on_values[0]


@pytest.mark.parametrize("name", NOT_ON_VALUES)
def test_what_no_value_of_an_input_decides_is_none(name: str) -> None:
    found = find_decisions(Deciding(NOT_ON_VALUES[name]), (X,))
    assert (found.on_values, found.on_sizes) == ([], [])


@pytest.mark.parametrize("name", ON_SIZES)
def test_a_size_that_values_make_is_told_apart(name: str) -> None:
    found = find_decisions(Deciding(ON_SIZES[name]), (X,))
    assert found.on_sizes
    assert found.on_values == []
