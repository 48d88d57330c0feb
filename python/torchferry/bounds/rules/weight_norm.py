"""Weight norm: each row of v, divided by its norm, times g."""

from __future__ import annotations

from torchferry.bounds.error_bound import Bounded, divide, multiply
from torchferry.bounds.rounding import gamma
from torchferry.bounds.rules import Rule
from torchferry.bounds.rules.powers import root
from torchferry.bounds.rules.sums import sum_over


def _weight_norm(v: Bounded, g: Bounded, dim: int = 0) -> Bounded:
    """Bound v (g / |v|), or (v / |v|) g, which rounds twice more at most; the norm is over all dims but `dim`."""
    axes = [axis for axis in range(v.value.ndim) if axis != dim % v.value.ndim]
    made = multiply(v, divide(g, root(sum_over(multiply(v, v), axes, True))))
    return Bounded(made.value, made.error * (1 + gamma(2)) + gamma(2) * made.size)


RULES: dict[str, Rule] = {"_weight_norm": _weight_norm}
