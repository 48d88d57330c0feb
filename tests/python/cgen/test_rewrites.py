"""What a refusal says to write in place of an operator: C takes it, and it is equal but for rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Subject, subject_of
from torchferry.cgen.rewrites import REWRITES, rewrite_of
from torchferry.errors import FerryError

Function = Callable[[Tensor, Tensor], Tensor]
OF_ONE = ("acosh", "asinh", "atanh", "cosh", "erfc", "exp2", "expm1", "sinh", "tan")
OF_TWO = ("copysign", "fmax", "fmin", "hypot")
CALLS: dict[str, Function] = {
    "_cdist_forward": torch.cdist,
    "median": lambda x, _: x.median(1)[0],
    **{name: lambda x, _, name=name: getattr(torch, name)(x) for name in OF_ONE},  # type: ignore[misc]
    **{name: getattr(torch, name) for name in OF_TWO},
}


class Of(nn.Module):
    """A function of x and y, both of which are read."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return self.function(x, y), y


def written(name: str) -> Function:
    names: dict[str, Any] = vars(torch)
    return lambda x, y: eval(REWRITES[name], {**names, "x": x, "y": y, "abs": abs})


def samples(name: str) -> dict[str, np.ndarray[Any, Any]]:
    """Numbers at which the function is defined."""
    low, high = (1.5, 4.0) if name == "acosh" else (-0.9, 0.9)
    random = np.random.default_rng(2)
    shape = (9, 3, 4) if name == "_cdist_forward" else (9, 6)
    return {key: random.uniform(low, high, shape).astype(np.float32) for key in ("x", "y")}


def exported(name: str, function: Function) -> Subject:
    values = samples(name)
    specs = tuple(spec(key, shape=("N", *array.shape[1:])) for key, array in values.items())
    return subject_of(Of(function), specs, ("z", "same"), values)


def test_each_rewrite_has_a_call() -> None:
    assert CALLS.keys() == REWRITES.keys()


@pytest.mark.parametrize("name", REWRITES)
def test_a_refusal_says_what_to_write_and_c_takes_that(name: str) -> None:
    with pytest.raises(FerryError) as caught:
        exported(name, CALLS[name])
    assert f"got operator aten.{name}." in str(caught.value)
    assert f"page reference/c-operators, as {REWRITES[name]} in its place; change the module" in str(caught.value)
    exported(name, written(name))
    x, y = (torch.from_numpy(array).double() for array in samples(name).values())
    assert torch.allclose(CALLS[name](x, y), written(name)(x, y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("target", ["aten.atan2.default", "aten.lgamma.default"])
def test_what_only_looks_like_another_operator_gets_no_hint(target: str) -> None:
    assert rewrite_of(target) is None
