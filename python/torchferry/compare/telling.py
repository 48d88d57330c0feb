"""How large a tolerance may be and still tell a right model from a wrong one (FORMAT.md section 6).

A manifest is not signed: who rewrites it whole can claim anything. What its own goldens contradict is refused. The C++ twin is
cpp/src/telling.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Array
from torchferry.bundle.dtype import holds_floats
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.reader import Bundle
from torchferry.compare.kinds import kind_of
from torchferry.errors import ExitCode, FerryError

COARSEST = 2.0**-8
"""Of the largest golden. bfloat16 rounds by 2^-8: at a coarser bound a bfloat16 model would pass for the float32 one."""
COARSEST_QUANTIZED = 2.0**-3
"""Of the largest golden, for an artifact that says in `requires` that it is quantized."""
MOST_LOST = 256.0
"""A model may lose digits that float32 does not have (a small difference of large numbers): so many times what eager loses."""


def largest_bound(cases: Iterable[CaseArrays], output: str, *, quantized: bool = False) -> float:
    """Return the largest bound of a float output that proves something; infinite where all goldens are 0 and give no scale."""
    observed = scale = 0.0
    for case in cases:
        reference, eager = _floats(case.float64[output]), _floats(case.float32[output])
        scale = max(scale, largest(reference))
        if eager.shape == reference.shape:
            with np.errstate(invalid="ignore"):  # infinity minus infinity
                observed = max(observed, largest(eager - reference))
    return max((COARSEST_QUANTIZED if quantized else COARSEST) * scale, MOST_LOST * observed) or math.inf


def require_telling(bundle: Bundle, cases: Sequence[CaseArrays]) -> None:
    """Require bounds that prove something. Raises FerryError(FORMAT) for one, of whatever engine, that was loosened beyond all rounding."""
    quantized = {artifact.engine for artifact in bundle.manifest.artifacts if "quantize" in artifact.requires}
    for row in bundle.manifest.tolerances:
        if not kind_of(row.kind).is_limited:
            continue
        largest = largest_bound(cases, row.output, quantized=row.engine in quantized)
        if not row.bound <= largest:
            raise FerryError(
                ExitCode.FORMAT,
                f"{bundle.folder}: tolerances: {row.engine} {row.device} {row.output}: bound: got {row.bound:.3g}, "
                f"expected at most {largest:.3g}, beyond which the goldens prove nothing; export the bundle again",
            )


def _floats(array: Array) -> NDArray[np.float64]:
    """Return the values of a float array as float64; none of another dtype."""
    return array.astype(np.float64) if holds_floats(array) else np.empty(0)


def largest(values: Array) -> float:
    """Return the largest magnitude that is a number, of any shape: a mask is infinite and not rounded. 0 where there is none."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
