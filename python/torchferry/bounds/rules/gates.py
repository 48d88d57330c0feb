"""Gates and shrinks: GLU, Mish, LogSigmoid, Softsign, PReLU, hard, soft and tanh shrink."""

from __future__ import annotations

import numpy as np
import torch

from torchferry.bounds.error_bound import Bounded, add, bounded, constant, divide, lipschitz, monotone, multiply, negate, slopes
from torchferry.bounds.rounding import FUNCTIONS, Float64
from torchferry.bounds.rules import Rule
from torchferry.bounds.rules.activations import RULES as ACTIVATIONS

MISH_SLOPE, MISH_BEND = 1.09, 0.65
"""max |f'| of x tanh(softplus(x)), at x = 1.5, and max |f''|, at x = 0."""


def _mish_of(v: Float64) -> Float64:
    return np.asarray(v * np.tanh(np.logaddexp(0.0, v)))


def _glu(x: Bounded, dim: int = -1) -> Bounded:
    halves = [np.split(array, 2, axis=dim) for array in (x.real, x.error)]
    a, b = (Bounded(halves[0][part], halves[1][part]) for part in range(2))
    return multiply(a, ACTIVATIONS["sigmoid"](b))


def _log_sigmoid(x: Bounded) -> Bounded:
    return negate(monotone("softplus", lambda v: np.logaddexp(0.0, v), negate(x)))


def _softsign(x: Bounded) -> Bounded:
    """Bound x / (1 + |x|), whose slope is at most 1: the argument's error, and the rounding of exact arguments."""
    exact = Bounded(x.real, np.zeros_like(x.error))
    made = divide(exact, add(Bounded(np.abs(x.real), np.zeros_like(x.error)), constant(1.0)))
    return Bounded(made.value, 2 * made.error + x.error)


def _hardshrink(x: Bounded, lambd: float = 0.5) -> Bounded:
    """Bound x where |x| > lambda and 0 elsewhere: at the edge it may be either."""
    edge, size = constant(lambd), np.abs(x.real)
    unsure = ~(np.abs(size - lambd) > x.error + edge.error)
    return Bounded(np.where(size > lambd, x.real, 0.0), np.where(unsure, size + x.error, np.where(size > lambd, x.error, 0.0)))


def _softshrink(x: Bounded, lambd: float = 0.5) -> Bounded:
    edge = float(constant(lambd).error)
    moved = add(x, constant(-lambd)).error + add(x, constant(lambd)).error
    return Bounded(np.sign(x.real) * np.maximum(np.abs(x.real) - lambd, 0.0), moved - x.error + edge)


def _tanhshrink(x: Bounded) -> Bounded:
    return add(x, negate(monotone("tanh", np.tanh, x)))


def _prelu(x: Bounded, weight: Bounded) -> Bounded:
    shape = [-1 if axis == 1 and weight.value.size > 1 else 1 for axis in range(x.value.ndim)]
    slope = bounded(Bounded(weight.real.reshape(shape), weight.error.reshape(shape)))
    scaled = multiply(x, slope)
    value = np.where(x.real > 0, x.real, scaled.real)
    steep = np.maximum(1.0, np.abs(slope.real))
    return Bounded(value, np.where(x.real - x.error > 0, x.error, np.maximum(steep * x.error, scaled.error)))


def _mish(x: Bounded) -> Bounded:
    made = lipschitz("mish", slopes(torch.nn.functional.mish, MISH_SLOPE, MISH_BEND, x), _mish_of, x)
    return Bounded(made.value, made.error + FUNCTIONS["tanh"].bound(x.size, np.abs(made.value)))


RULES: dict[str, Rule] = {
    "glu": _glu,
    "mish": _mish,
    "log_sigmoid": _log_sigmoid,
    "softsign": _softsign,
    "hardshrink": _hardshrink,
    "softshrink": _softshrink,
    "tanhshrink": _tanhshrink,
    "prelu": _prelu,
}
