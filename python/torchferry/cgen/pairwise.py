"""How partial sums become one sum, wherever the definition has some."""

from __future__ import annotations

from torchferry.cgen.values import Floats


def add_halves(sums: Floats) -> Floats:
    """Add the second half of partial sums [lanes, ...] to the first until one is left."""
    while len(sums) > 1:
        half = len(sums) // 2
        sums = sums[:half] + sums[half:]
    total: Floats = sums[0]
    return total
