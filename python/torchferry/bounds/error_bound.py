"""Running error bounds of float32 arithmetic: a value computed in float64 beside how far any float32 engine can be from it.

The rules follow Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition: chapter 3 (products and running error
bounds) and section 4.2 (sums in any order). They hold whatever the order of a sum, with or without fused multiply-add, for a
division by way of a rounded reciprocal, and where results below 2^-126 are flushed to zero. They do not hold for reduced
precision (TF32, bfloat16) or for algorithms that are no sums of products (Winograd, Strassen, FFT).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from torchferry.bounds.rounding import FUNCTIONS, SMALLEST, UNIT, Float64, gamma, represented
from torchferry.bundle.contract import Array

# The float64 value itself, and the bound's own arithmetic, are in error by some 2^-53: far below this share of the bound.
INFLATION = 1 + 2.0**-20
VANISHED = -110.0  # e^-110 is below half of the smallest subnormal float32, 2^-150


class NotCertifiedError(Exception):
    """Why no certified bound exists: an operator without a rule, or a value that may be infinite."""


class BrokenRuleError(NotCertifiedError):
    """A rule of ours failed: there is no bound, and whoever exports is told."""


@dataclass(frozen=True)
class Bounded:
    """`value` in float64 (or integers, which are exact), and `error` >= |float32 result - value| of each element."""

    value: Array
    error: Float64

    @property
    def real(self) -> Float64:
        """The value as float64, in its own shape."""
        return self.value.astype(np.float64, copy=False)

    @property
    def size(self) -> Float64:
        """The largest magnitude that a float32 result can have, element by element."""
        return np.asarray(np.abs(self.real) + self.error)


def exact(value: Array) -> Bounded:
    """Return an array of any shape without error: integers, and floats that float32 holds."""
    return Bounded(value, np.zeros(value.shape))


def constant(value: float) -> Bounded:
    """Bound a number in a program, shape []: engines round it to float32."""
    array = np.asarray(value, dtype=np.float64)
    return Bounded(array, represented(array))


def bounded(value: Bounded | float) -> Bounded:
    """Return a value of any shape as it is, and a number of a program as a constant, shape []."""
    return value if isinstance(value, Bounded) else constant(float(value))


def to_tensor(array: Array) -> torch.Tensor:
    """Return an array of any shape as a tensor, for functions that torch has and NumPy lacks."""
    return torch.from_numpy(np.require(array, requirements=["C_CONTIGUOUS", "WRITEABLE"]))


def convert(x: Bounded) -> Bounded:
    """Convert any shape to float32, element by element: exact for integers up to 2^24 and for what is float32 already."""
    value = x.real
    return Bounded(value, x.error + np.where(x.error == 0, represented(value), 0.0))


def add(a: Bounded, b: Bounded) -> Bounded:
    """Bound a sum, broadcast: errors add, and it is rounded once; a zero operand changes nothing."""
    value, carried = a.real + b.real, a.error + b.error
    untouched = _is_zero(a) | _is_zero(b)
    return Bounded(value, carried + np.where(untouched, 0.0, _rounded(np.abs(value) + carried, 1)))


def negate(a: Bounded) -> Bounded:
    """Bound a negative of any shape, which is exact."""
    return Bounded(-a.real, a.error)


def multiply(a: Bounded, b: Bounded) -> Bounded:
    """Bound a product, broadcast: |a| eb + |b| ea + ea eb, and one rounding; a zero factor gives zero."""
    value = a.real * b.real
    carried = np.abs(a.real) * b.error + np.abs(b.real) * a.error + a.error * b.error
    zero = _is_zero(a) | _is_zero(b)
    return Bounded(value, np.where(zero, 0.0, carried + _rounded(np.abs(value) + carried, 1)))


def divide(a: Bounded, b: Bounded) -> Bounded:
    """Bound a quotient, broadcast: (ea + |a / b| eb) / (|b| - eb), and two roundings, one for a reciprocal; infinite where b may be zero."""
    smallest = np.maximum(np.abs(b.real) - b.error, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = a.real / b.real
        carried = (a.error + np.abs(value) * b.error) / smallest
        error = np.where(_is_zero(a), 0.0, carried + _rounded(np.abs(value) + carried, 2))
    return Bounded(value, np.where(smallest > 0, error, np.inf))


def linear(x: Bounded, weight: Float64, bias: Float64 | None) -> Bounded:
    """Bound the layer x W^T + b, for x [..., in], weight [out, in] and bias [out], summed in any order.

    A sum of n terms t_j has n - 1 additions, and what any of them yields lies between minus the sum of the negative terms and
    the sum of the positive ones, so each rounds by at most u M with M the larger of these two sums; each product rounds by
    u |t_j|. With e the error of x, d = |W| e and S = sum |t_j| + d:

        |error| <= d + u ((n - 1) (M + d) + S) / (1 - n u)

    This is Higham's bound for summation in any order (section 4.2, equation 4.3) with M for the partial sums. n counts the terms
    that are not zero: adding zero is exact.
    """
    return bilinear(lambda a, w: a @ w.T, x, exact(weight), None if bias is None else exact(bias))


def bilinear(product: Callable[[Float64, Float64], Float64], x: Bounded, weight: Bounded, bias: Bounded | None) -> Bounded:
    """Bound sums of products of x and weight, of any shapes that `product` takes, plus a bias that broadcasts to its result.

    As `linear`: with |x| and |weight| for x and W, d = |x| E + e |W| + e E, where E is the error of the weight.
    """
    positive, negative = np.maximum(x.real, 0.0), np.maximum(-x.real, 0.0)
    up, down = np.maximum(weight.real, 0.0), np.maximum(-weight.real, 0.0)
    above, below = product(positive, up) + product(negative, down), product(positive, down) + product(negative, up)
    carried, size = product(x.error, up + down), above + below
    if weight.error.any():
        carried = carried + product(np.abs(x.real) + x.error, weight.error)
    count = product((x.size > 0).astype(np.float64), (weight.size > 0).astype(np.float64))
    value = product(x.real, weight.real)
    if bias is not None:
        value, carried = value + bias.real, carried + bias.error
        above, below, count = above + np.maximum(bias.real, 0.0), below + np.maximum(-bias.real, 0.0), count + (bias.size > 0)
    largest = np.maximum(above, below) + carried
    rounding = UNIT * (np.maximum(count - 1, 0.0) * largest + size + carried) / (1 - count * UNIT)
    return Bounded(value, carried + rounding + count * SMALLEST * (rounding > 0))


def monotone(name: str | None, function: Callable[[Float64], Float64], x: Bounded) -> Bounded:
    """Bound a rising function, element by element: its values at both ends of x +- e, and its own error there (None: it is exact)."""
    value, low, high = function(x.real), function(x.real - x.error), function(x.real + x.error)
    carried = np.maximum(high - value, value - low)
    if name is None:
        return Bounded(value, carried)
    return Bounded(value, carried + FUNCTIONS[name].bound(x.size, np.maximum(np.abs(low), np.abs(high))))


def lipschitz(name: str, slope: float | Float64, function: Callable[[Float64], Float64], x: Bounded) -> Bounded:
    """Bound a function whose slope within the error of x is never above `slope`, element by element."""
    value = function(x.real)
    return Bounded(value, slope * x.error + FUNCTIONS[name].bound(x.size, np.abs(value) + slope * x.error))


def slopes(function: Callable[[torch.Tensor], torch.Tensor], steepest: float, most_bent: float, x: Bounded) -> Float64:
    """Return the largest |f'| within the error of x, element by element: |f'(x)| + max |f''| e, and never above `steepest`."""
    at = to_tensor(x.real).clone().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(function(at).sum(), at)
    return np.asarray(np.minimum(steepest, np.abs(slope.numpy()) + most_bent * x.error))


def softmax(x: Bounded, axis: int) -> Bounded:
    """Bound exp(x_i) / sum exp(x_j) along `axis`: the error that the x_i carry, then that of the arithmetic; the shape stays.

    With p the exact result, x_i + d_i for x_i gives p_i / (p_i + K_i), K_i = sum over j != i of p_j exp(d_j - d_i), which is
    largest and smallest at |d| = e. On top of that come x_i - m and exp, the sum's additions, and two roundings for the division.
    """
    x, count = without_vanished(x, axis), x.value.shape[axis]
    p = _probabilities(x, axis)
    largest = p / (p + _others(p, -x.error, axis))
    smallest = p / (p + _others(p, x.error, axis))
    carried = np.maximum(largest - p, p - smallest)
    relative = np.expm1(_numerator(x, axis) + np.log(_growth(p, x, axis)) + _sum_of_positive(x, axis) + gamma(2))
    return Bounded(p, carried + largest * relative + 4 * count * SMALLEST)


def without_vanished(x: Bounded, axis: int) -> Bounded:
    """Return scores of any shape with minus infinity for those whose exp(x_i - m) is 0 in float32, as of masked ones; such are exact."""
    gone = _shifted(x, axis) + x.error + x.error.max(axis, keepdims=True, where=np.isfinite(x.real), initial=0.0) < VANISHED
    return Bounded(np.where(gone, -np.inf, x.real), np.where(gone, 0.0, x.error))


def log_softmax(x: Bounded, axis: int) -> Bounded:
    """Bound x_i - m - log sum exp(x_j - m) along `axis`: as softmax, then a logarithm and two subtractions; the shape stays."""
    p, shifted = _probabilities(x, axis), _shifted(x, axis)
    value = shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))
    carried = np.maximum(np.log(p + _others(p, x.error, axis)), -np.log(p + _others(p, -x.error, axis)))
    sum_error = np.log(_growth(p, x, axis)) + _sum_of_positive(x, axis)
    largest = np.log(x.value.shape[axis]) + sum_error  # the sum lies between 1 and the number of classes
    rounding = gamma(2) * (np.abs(value) + np.abs(shifted) + 2 * x.error.max(axis, keepdims=True) + sum_error)
    return Bounded(value, carried + sum_error + FUNCTIONS["log"].bound(largest, largest) + rounding)


def _probabilities(x: Bounded, axis: int) -> Float64:
    exponentials = np.exp(_shifted(x, axis))
    return np.asarray(exponentials / exponentials.sum(axis, keepdims=True))


def _others(p: Float64, error: Float64, axis: int) -> Float64:
    """Return the sum over j != i of p_j exp(e_i + e_j)."""
    weighted = p * np.exp(error)
    return np.asarray(np.exp(error) * np.maximum(weighted.sum(axis, keepdims=True) - weighted, 0.0))


def _numerator(x: Bounded, axis: int) -> Float64:
    """Return how far rounding x_i - m and the function exp move the logarithm of a numerator."""
    shifted = _shifted(x, axis)
    distance = np.where(np.isneginf(shifted), 0.0, np.abs(shifted)) + x.error + x.error.max(axis, keepdims=True)
    own = FUNCTIONS["exp"]
    return np.asarray(UNIT * (distance + 2 * own.relative + 2 * own.per_both * distance))


def _growth(p: Float64, x: Bounded, axis: int) -> Float64:
    """Return the factor by which these errors of the numerators can move their sum."""
    return np.asarray((p * np.exp(_numerator(x, axis))).sum(axis, keepdims=True))


def _shifted(x: Bounded, axis: int) -> Float64:
    return np.asarray(x.real - x.real.max(axis, keepdims=True))


def _sum_of_positive(x: Bounded, axis: int) -> Float64:
    """Return the relative error of summing positive numbers in any order."""
    return gamma(max(x.value.shape[axis] - 1, 0))


def _is_zero(x: Bounded) -> NDArray[np.bool_]:
    return np.asarray((x.real == 0) & (x.error == 0))


def _rounded(size: Float64, roundings: int) -> Float64:
    return np.asarray(gamma(roundings) * size + SMALLEST)
