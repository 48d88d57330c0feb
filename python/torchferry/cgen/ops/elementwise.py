"""Elementwise functions of one float32 value, one row each: the C expression, and the NumPy function with the same rounding steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen import elementary, integers, transcendental
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
    clamps=True,
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

ABS = Elementwise("abs", "model_abs({0})", np.abs, ("abs",))
EXP = Elementwise("exp", "model_exp({0})", elementary.exp, ("exp",))
SQRT = Elementwise("sqrt", "model_sqrt({0})", np.sqrt, ("sqrt",))
RSQRT = Elementwise("rsqrt", "1.0f / model_sqrt({0})", lambda x: np.float32(1) / np.sqrt(x), ("sqrt",))
LN = Elementwise("log", "model_ln({0})", transcendental.ln, ("ln",))
LOG2_E, LOG10_E = np.float32(1.4426950408889634), np.float32(0.4342944819032518)

OPERATORS = (
    unary(RELU, "aten.relu.default", words=("ReLU",), integers=integers.RELU),
    unary(LEAKY_RELU, "aten.leaky_relu.default", constants=("negative_slope",), words=("LeakyReLU",)),
    unary(THRESHOLD, "aten.threshold.default", constants=("threshold", "value"), words=("threshold",)),
    unary(
        Elementwise("sigmoid", "model_sigmoid({0})", elementary.sigmoid, ("sigmoid",)), "aten.sigmoid.default", words=("sigmoid",)
    ),
    unary(Elementwise("tanh", "model_tanh({0})", elementary.tanh, ("tanh",)), "aten.tanh.default", words=("tanh",)),
    unary(Elementwise("silu", "model_silu({0})", _silu, ("silu",)), "aten.silu.default", words=("SiLU",)),
    unary(EXP, "aten.exp.default", words=("exp",)),
    unary(ABS, "aten.abs.default", words=("abs",), integers=integers.ABS),
    unary(SQRT, "aten.sqrt.default", words=("sqrt",)),
    unary(RSQRT, "aten.rsqrt.default", words=("rsqrt",)),
    unary(Elementwise("erf", "model_erf({0})", elementary.erf, ("erf",)), "aten.erf.default", words=("erf",)),
    unary(LN, "aten.log.default", words=("log",)),
    unary(
        Elementwise("log2", "model_ln({0}) * 0x1.715476p+0f", lambda x: transcendental.ln(x) * LOG2_E, ("ln",)),
        "aten.log2.default",
        words=("log2",),
    ),
    unary(
        Elementwise("log10", "model_ln({0}) * 0x1.bcb7b2p-2f", lambda x: transcendental.ln(x) * LOG10_E, ("ln",)),
        "aten.log10.default",
        words=("log10",),
    ),
    unary(Elementwise("log1p", "model_log1p({0})", transcendental.log1p, ("log1p",)), "aten.log1p.default", words=("log1p",)),
    unary(Elementwise("sin", "model_sin({0})", transcendental.sin, ("sin_cos",)), "aten.sin.default", words=("sin",)),
    unary(Elementwise("cos", "model_cos({0})", transcendental.cos, ("sin_cos",)), "aten.cos.default", words=("cos",)),
    unary(
        Elementwise("trunc", "model_trunc({0})", np.trunc, ("whole",)),
        "aten.trunc.default",
        words=("trunc",),
        integers=integers.SAME,
    ),
    unary(
        Elementwise("floor", "model_floor({0})", np.floor, ("whole",)),
        "aten.floor.default",
        words=("floor",),
        integers=integers.SAME,
    ),
    unary(
        Elementwise("ceil", "model_ceil({0})", np.ceil, ("whole",)), "aten.ceil.default", words=("ceil",), integers=integers.SAME
    ),
    unary(
        Elementwise("round", "model_round({0})", np.rint, ("whole",), rounds=True),
        "aten.round.default",
        words=("round",),
        integers=integers.SAME,
    ),
    unary(
        Elementwise(
            "sign", "(float)(({0} > 0.0f) - ({0} < 0.0f))", lambda x: (x > 0).astype(np.float32) - (x < 0).astype(np.float32)
        ),
        "aten.sign.default",
        words=("sign",),
        integers=integers.SIGN,
    ),
    unary(Elementwise("neg", "-{0}", np.negative), "aten.neg.default", words=("neg",), integers=integers.NEG),
)
