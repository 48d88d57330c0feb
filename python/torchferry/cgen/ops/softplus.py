"""Softplus and Mish, which is made of it."""

from __future__ import annotations

import numpy as np

from torchferry.cgen import elementary, transcendental
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import unary
from torchferry.cgen.values import Floats

_ONE, _THRESHOLD = np.float32(1), np.float32(20)  # of the softplus in a mish, as torch has it


def _softplus(x: Floats, beta: Floats | np.float32, threshold: Floats | np.float32) -> Floats:
    scaled = x * beta
    value: Floats = np.where(scaled > threshold, x, transcendental.log1p(elementary.exp(scaled)) / beta)
    return value


def _mish(x: Floats) -> Floats:
    value: Floats = x * elementary.tanh(_softplus(x, _ONE, _THRESHOLD))
    return value


OPERATORS = (
    unary(
        Elementwise("softplus", "model_softplus({0}, {1}, {2})", _softplus, ("softplus",)),
        "aten.softplus.default",
        constants=("beta", "threshold"),
        words=("Softplus",),
    ),
    unary(Elementwise("mish", "model_mish({0})", _mish, ("mish",)), "aten.mish.default", words=("Mish",)),
)
