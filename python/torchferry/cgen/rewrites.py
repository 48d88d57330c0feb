"""What to write in place of an operator that C has not, in operators that it has: a refusal ends with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REWRITES: Mapping[str, str] = MappingProxyType(
    {
        "_cdist_forward": "((x[:, :, None] - y[:, None]) ** 2).sum(3).sqrt()",
        "acosh": "log(x + sqrt(x * x - 1))",
        "asinh": "log(x + sqrt(x * x + 1))",
        "atanh": "(log1p(x) - log1p(-x)) / 2",
        "copysign": "where(y < 0, -abs(x), abs(x))",
        "cosh": "(exp(x) + exp(-x)) / 2",
        "erfc": "1 - erf(x)",
        "exp2": "exp(0.6931471805599453 * x)",
        "expm1": "exp(x) - 1",
        "fmax": "maximum(x, y)",
        "fmin": "minimum(x, y)",
        "hypot": "sqrt(x * x + y * y)",
        "median": "x.sort(1)[0][:, (x.shape[1] - 1) // 2]",
        "sinh": "(exp(x) - exp(-x)) / 2",
        "tan": "sin(x) / cos(x)",
    }
)
"""Name in ATen -> an expression in names of torch, equal but for rounding, of x and y as the operator is called with them."""


def rewrite_of(target: str) -> str | None:
    """Return what to write for an operator as `aten.tan.default`; None where nothing in C is equal."""
    _, _, name = target.partition(".")
    return REWRITES.get(name.partition(".")[0])
