"""How large the rounding errors of float32 are: the unit roundoff, and the errors of elementary functions in every engine.

Error bounds here are multiples of the unit roundoff u = 2^-24 of round-to-nearest float32, in which one correctly rounded
operation gives x (1 + d) with |d| <= u (N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, section 2.2).
Elementary functions are not correctly rounded, and every engine has its own. Their constants below were measured against
float64 on 10^6 values between -87 and 87 for PyTorch 2.13 (eager and Inductor, AVX-512), ONNX Runtime 1.31 and XNNPACK
(ExecuTorch 1.5), and raised by half or more; tests/python/bounds/test_rounding.py repeats the measurement. CUDA's documented
errors (CUDA C++ Programming Guide, appendix Mathematical Functions: exp, tanh, erf 1 to 2 ULP) are within them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

UNIT = 2.0**-24
SMALLEST = 2.0**-126  # the smallest normal float32: some engines flush what is below to zero


@dataclass(frozen=True)
class FunctionError:
    """|computed - f(x)| <= u (relative |f(x)| + absolute + per_input |x| + per_both |x| |f(x)|), for any engine."""

    relative: float = 0.0
    absolute: float = 0.0
    per_input: float = 0.0
    per_both: float = 0.0

    def bound(self, x: Float64, y: Float64) -> Float64:
        """Return the bound at arguments `x` with exact results `y`, both of one shape; infinite, never NaN, where either is infinite."""
        with np.errstate(invalid="ignore"):  # infinity times 0
            size = self.relative * np.abs(y) + self.absolute + self.per_input * np.abs(x) + self.per_both * np.abs(x) * np.abs(y)
        return np.asarray(UNIT * np.where(np.isnan(size), np.inf, size) + SMALLEST)


# Largest errors seen, in u, beside each: e = eager, i = Inductor, o = ONNX Runtime, x = XNNPACK.
FUNCTIONS = {
    "exp": FunctionError(relative=4, per_both=1),  # e 1.0, i 1.3, o 1.2; x 64 at |x| = 87: it reduces the argument in float32
    "sigmoid": FunctionError(relative=3, absolute=3),  # e 2.4, x 4.4; o 2.8 absolute: a rational function, cut off at 18
    "tanh": FunctionError(relative=8),  # e 1.1, i 2.0, o 5.1, x 4.5
    "erf": FunctionError(relative=4),  # e 1.0, o 1.4, x 1.3
    "gelu": FunctionError(per_input=8),  # e 5.2, i 4.7, o 1.8, x 3.1: 1 + erf(x) cancels for negative x
    "gelu_tanh": FunctionError(per_input=6),  # e 1.9, i 1.9, o 2.9
    "silu": FunctionError(per_input=6),  # e 2.0, o 3.1, x 1.9
    "elu": FunctionError(relative=4, absolute=2),  # e 1.1, x 1.2; o 1.1 absolute: it computes exp(x) - 1
    "softplus": FunctionError(relative=8, absolute=2),  # e 2.0, o 5.0, x 9.4
    "mish": FunctionError(per_input=8),  # e 1.6, o 4.4, x 5.5
    "hardswish": FunctionError(per_input=4),  # e 2.1, o 1.5, x 1.5
    "log": FunctionError(relative=8, absolute=1),  # e 1.0, o 3.7
    "sqrt": FunctionError(relative=2),  # correctly rounded in e and o
    "rsqrt": FunctionError(relative=4),  # e 1.5, o 1.5
    "sin": FunctionError(relative=4, absolute=2, per_input=1),  # e 1.1, o 2.5
    "cos": FunctionError(relative=4, absolute=2, per_input=1),
    "pow": FunctionError(relative=8),
}


def gamma(count: int | Float64, unit: float = UNIT) -> Float64:
    """Return n u / (1 - n u): the relative error of n roundings one after another, of the shape of `count` (Higham, section 3.1)."""
    return np.asarray(count * unit / (1 - np.asarray(count) * unit), dtype=np.float64)


def represented(value: Float64) -> Float64:
    """Return |float32(value) - value|, element by element: what a constant loses when an engine stores it in float32."""
    with np.errstate(over="ignore"):
        return np.asarray(np.abs(value.astype(np.float32).astype(np.float64) - value))
