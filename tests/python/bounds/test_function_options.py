"""Operators that take options: a rule bounds the function with exactly these options, or says that it has no bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from torchferry.bounds.error_bound import INFLATION, Bounded, NotCertifiedError, exact
from torchferry.bounds.rules import rules
from torchferry.bundle.contract import Array

RULES = rules()
X = np.concatenate([np.linspace(-30, 30, 1201), np.linspace(-1.2, 1.2, 2401)]).astype(np.float32).astype(np.float64)
Given = tuple[str, Callable[..., Tensor], tuple[Any, ...]]

CERTIFIED: dict[str, Given] = {
    "softplus": ("softplus", F.softplus, ()),
    "softplus, options spelt out": ("softplus", F.softplus, (1, 20)),
    "elu": ("elu", F.elu, (1.0,)),
    "leaky_relu": ("leaky_relu", F.leaky_relu, (0.3,)),
    "leaky_relu that rises faster below 0": ("leaky_relu", F.leaky_relu, (2.5,)),
    "leaky_relu that falls below 0": ("leaky_relu", F.leaky_relu, (-1.5,)),
    "clamp at numbers that float32 rounds": ("clamp", torch.clamp, (-0.1, 0.7)),
    "clamp from below": ("clamp", torch.clamp, (-0.1,)),
    "clamp from above": ("clamp", torch.clamp, (None, 0.7)),
    "hardtanh": ("hardtanh", F.hardtanh, (-2.3, 1.1)),
    "relu6": ("relu6", F.relu6, ()),
    "hardshrink": ("hardshrink", F.hardshrink, (0.3,)),
    "softshrink": ("softshrink", F.softshrink, (0.3,)),
}
NOT_CERTIFIED: dict[str, Given] = {
    "softplus with a threshold": ("softplus", F.softplus, (1, 1.5)),
    "softplus with beta": ("softplus", F.softplus, (2, 20)),
    "elu with alpha": ("elu", F.elu, (0.5,)),
    "elu scaled": ("elu", torch.ops.aten.elu.default, (1, 1.5)),
    "elu of a scaled input": ("elu", torch.ops.aten.elu.default, (1, 1, 1.5)),
}


@pytest.mark.parametrize("error", [0.0, 1e-6, 0.02])
@pytest.mark.parametrize("name", CERTIFIED)
def test_a_function_with_options_stays_in_its_bound(name: str, error: float) -> None:
    rule, function, options = CERTIFIED[name]
    found = RULES[rule](Bounded(X, np.full(X.shape, error)), *options)
    assert np.allclose(found.value, function(torch.from_numpy(X), *options).numpy(), rtol=1e-6, atol=1e-6)
    for share in (-1, -0.5, 0, 0.5, 1):
        moved = torch.from_numpy(X + share * error)
        assert (np.abs(function(moved, *options).numpy() - found.value) <= found.error * INFLATION + 1e-12).all()
    narrow = function(torch.from_numpy(X).float(), *options).double().numpy()
    assert (np.abs(narrow - found.value) <= found.error).all()
    said = found.error <= 3 * error + 1e-5 * (1 + np.abs(found.value))
    assert said.all() or name == "hardshrink", "nor does the bound say nothing, but where the function jumps"


@pytest.mark.parametrize("name", NOT_CERTIFIED)
def test_options_that_make_another_function_are_not_certified(name: str) -> None:
    """The plain function is far from this one: whoever took its bound would certify wrong numbers."""
    rule, function, options = NOT_CERTIFIED[name]
    x = torch.from_numpy(X)
    assert np.abs((function(x, *options) - function(x)).numpy()).max() > 0.01
    with pytest.raises(NotCertifiedError, match="has no certified rule"):
        RULES[rule](exact(X), *options)


def by_products(x: Array, exponent: int) -> Array:
    """x^n as n - 1 products one after another, each rounded to float32."""
    made = x
    for _ in range(exponent - 1):
        made = made * x
    return made


@pytest.mark.parametrize("exponent", [3, 17, 64])
def test_a_power_by_products_stays_in_its_bound(exponent: int) -> None:
    """An engine may multiply as often as the exponent says: of 64 that is more than the error of a function `pow`."""
    x = np.random.default_rng(2).uniform(0.5, 1.5, 400_000).astype(np.float32)
    found = RULES["pow"](exact(x.astype(np.float64)), float(exponent))
    wanted = x.astype(np.longdouble) ** exponent
    off = np.abs(by_products(x, exponent).astype(np.longdouble) - wanted)
    assert (off <= found.error).all()
    relative = (off / wanted).max() * 2**24
    assert exponent < 64 or relative > 12, "the bound of a function alone would not hold"
