"""Elementwise operators: each as a C99 expression and as the NumPy function that takes the same rounding steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.cgen import elementary

Array = NDArray[Any]


@dataclass(frozen=True)
class Operator:
    """`expression` has {0}, {1} ... for the operands; `functions` are the helpers of `function_snippets.FUNCTIONS` that it calls."""

    expression: str
    numpy: Callable[..., Any]
    functions: tuple[str, ...] = ()
    dtype: str | None = None  # of the result; None: that of the operands


def _f(value: float) -> np.float32:
    return np.float32(value)


def _select(condition: Array, x: Array | np.float32, y: Array) -> Array:
    """One of two, -0 as +0: compilers take some selections for a maximum, whose zero has either sign."""
    return np.asarray(np.where(condition, x, y) + _f(0))


def _clamp(x: Array, low: Array, high: Array) -> Array:
    above = np.where(x < low, low, x)
    return _select(above > high, high, above)


def _gelu(x: Array) -> Array:
    return (_f(0.5) * x) * (_f(1) + elementary.erf(x * _f(0.70710678118654752)))


def _gelu_tanh(x: Array) -> Array:
    inner = (x + ((x * x) * x) * _f(0.044715)) * _f(0.79788456080286536)
    return (_f(0.5) * x) * (_f(1) + elementary.tanh(inner))


def _silu(x: Array) -> Array:
    e = elementary.exp(-np.abs(x))
    value: Array = np.where(x < _f(0), x * e, x) / (_f(1) + e)
    return value


def _elu(x: Array, negative: Array, positive: Array, inner: Array) -> Array:
    below = np.where(x > _f(0), _f(0), x) * inner
    return np.where(x > _f(0), x * positive, elementary.expm1(below) * negative)


OPERATORS: dict[str, Operator] = {
    "float": Operator("(float){0}", lambda x: x.astype(np.float32), dtype="float32"),
    "int64": Operator("(int64_t){0}", lambda x: x.astype(np.int64), dtype="int64"),
    "add": Operator("{0} + {1}", np.add),
    "sub": Operator("{0} - {1}", np.subtract),
    "mul": Operator("{0} * {1}", np.multiply),
    "div": Operator("{0} / {1}", np.divide),
    "neg": Operator("-{0}", np.negative),
    "abs": Operator("model_abs({0})", np.abs, ("abs",)),
    "relu": Operator("model_relu({0})", lambda x: _select(x < _f(0), _f(0), x), ("relu",)),
    "leaky_relu": Operator("model_leaky_relu({0}, {1})", lambda x, slope: np.where(x < _f(0), x * slope, x), ("leaky_relu",)),
    "clamp": Operator("model_clamp({0}, {1}, {2})", _clamp, ("clamp",)),
    "clamp_min": Operator("model_clamp_min({0}, {1})", lambda x, low: _select(x < low, low, x), ("clamp_min",)),
    "clamp_max": Operator("model_clamp_max({0}, {1})", lambda x, high: _select(x > high, high, x), ("clamp_max",)),
    "threshold": Operator("model_threshold({0}, {1}, {2})", lambda x, at, value: np.where(x <= at, value, x), ("threshold",)),
    "exp": Operator("model_exp({0})", elementary.exp, ("exp",)),
    "sigmoid": Operator("model_sigmoid({0})", elementary.sigmoid, ("sigmoid",)),
    "tanh": Operator("model_tanh({0})", elementary.tanh, ("tanh",)),
    "gelu": Operator("model_gelu({0})", _gelu, ("gelu",)),
    "gelu_tanh": Operator("model_gelu_tanh({0})", _gelu_tanh, ("gelu_tanh",)),
    "silu": Operator("model_silu({0})", _silu, ("silu",)),
    "elu": Operator("model_elu({0}, {1}, {2}, {3})", _elu, ("elu",)),
    "gt": Operator("{0} > {1}", np.greater, dtype="bool"),
    "ge": Operator("{0} >= {1}", np.greater_equal, dtype="bool"),
    "lt": Operator("{0} < {1}", np.less, dtype="bool"),
    "le": Operator("{0} <= {1}", np.less_equal, dtype="bool"),
    "eq": Operator("{0} == {1}", np.equal, dtype="bool"),
    "ne": Operator("{0} != {1}", np.not_equal, dtype="bool"),
    "not": Operator("!{0}", np.logical_not, dtype="bool"),
    "where": Operator("({0} ? {1} : {2}) + 0.0f", _select),  # as relu: it may be one
    "where_int64": Operator("{0} ? {1} : {2}", np.where, dtype="int64"),
}

# Operators whose result is exactly zero for a whole range of arguments: what follows them may skip zeros.
MAKES_ZEROS = frozenset({"relu", "clamp", "clamp_min", "threshold"})
AFFINE = frozenset({"add", "sub", "mul", "div"})
