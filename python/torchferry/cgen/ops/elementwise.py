"""Elementwise functions of one float32 value, one row each: the C expression, and the NumPy function with the same rounding steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen import elementary
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import unary

Array = NDArray[Any]


def plus_zero(condition: Array, x: Array | np.float32, y: Array) -> Array:
    """Select element by element, and give -0 as +0: compilers take some selections for a maximum, whose zero has either sign."""
    return np.asarray(np.where(condition, x, y) + np.float32(0))


def _silu(x: Array) -> Array:
    e = elementary.exp(-np.abs(x))
    value: Array = np.where(x < np.float32(0), x * e, x) / (np.float32(1) + e)
    return value


RELU = Elementwise(
    "relu",
    "model_relu({0})",
    lambda x: plus_zero(x < np.float32(0), np.float32(0), x),
    ("relu",),
    makes_zeros=True,
    cuts_negatives=True,
)
LEAKY_RELU = Elementwise(
    "leaky_relu", "model_leaky_relu({0}, {1})", lambda x, slope: np.where(x < np.float32(0), x * slope, x), ("leaky_relu",)
)
THRESHOLD = Elementwise(
    "threshold",
    "model_threshold({0}, {1}, {2})",
    lambda x, at, value: np.where(x <= at, value, x),
    ("threshold",),
    makes_zeros=True,
)

OPERATORS = (
    unary(RELU, "aten.relu.default", words=("ReLU",)),
    unary(LEAKY_RELU, "aten.leaky_relu.default", constants=("negative_slope",), words=("LeakyReLU",)),
    unary(THRESHOLD, "aten.threshold.default", constants=("threshold", "value"), words=("threshold",)),
    unary(
        Elementwise("sigmoid", "model_sigmoid({0})", elementary.sigmoid, ("sigmoid",)), "aten.sigmoid.default", words=("sigmoid",)
    ),
    unary(Elementwise("tanh", "model_tanh({0})", elementary.tanh, ("tanh",)), "aten.tanh.default", words=("tanh",)),
    unary(Elementwise("silu", "model_silu({0})", _silu, ("silu",)), "aten.silu.default", words=("SiLU",)),
    unary(Elementwise("exp", "model_exp({0})", elementary.exp, ("exp",)), "aten.exp.default", words=("exp",)),
    unary(Elementwise("abs", "model_abs({0})", np.abs, ("abs",)), "aten.abs.default", words=("abs",)),
    unary(Elementwise("neg", "-{0}", np.negative), "aten.neg.default", words=("neg",)),
)
