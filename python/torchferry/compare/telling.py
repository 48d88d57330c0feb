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
from torchferry.bundle.manifest import Tolerance
from torchferry.bundle.reader import Bundle
from torchferry.compare.kinds import kind_of
from torchferry.errors import ExitCode, FerryError

COARSEST = 2.0**-8
"""Of the largest golden. bfloat16 rounds by 2^-8: at a coarser bound a bfloat16 model would pass for the float32 one."""
COARSEST_QUANTIZED = 2.0**-3
"""Of the largest golden, for an artifact that says in `requires` that it is quantized."""
MOST_LOST = 256.0
"""A model may lose digits that float32 does not have (a small difference of large numbers): so many times what eager loses."""


def largest_bound(cases: Sequence[CaseArrays], output: str, *, quantized: bool = False) -> float:
    """Return the largest bound of a float output that proves something; infinite where all goldens are 0 and give no scale."""
    observed = 0.0
    for case in cases:
        reference, eager = _floats(case.float64[output]), _floats(case.float32[output])
        if eager.shape == reference.shape:
            with np.errstate(invalid="ignore"):  # infinity minus infinity
                observed = max(observed, largest(eager - reference))
    return max(_allowed_by_size(cases, output, quantized=quantized), MOST_LOST * observed) or math.inf


def _allowed_by_size(cases: Iterable[CaseArrays], output: str, *, quantized: bool) -> float:
    """Return the largest bound that the float64 goldens allow by themselves: engines are held to them, so that no edit of one lifts it."""
    scale = max((largest(_floats(case.float64[output])) for case in cases), default=0.0)
    return (COARSEST_QUANTIZED if quantized else COARSEST) * scale


def resting_words(bundle: Bundle, cases: Sequence[CaseArrays], rows: Iterable[Tolerance]) -> str | None:
    """Return what a verdict says of bounds that only the float32 goldens allow; None where there are none.

    An honest module may lose that many digits. So may a manifest that was edited, with one golden: no run holds an engine to a float32
    golden where another row than `bits` holds.
    """
    quantized, found = _quantized(bundle), []
    for row in rows:
        if kind_of(row.kind).is_limited:
            allowed = _allowed_by_size(cases, row.output, quantized=row.engine in quantized)
            if not row.bound <= allowed:
                found.append(f"{row.output} {row.bound:.3g} (its float64 goldens allow {allowed:.3g})")
    return f"wide bounds that rest on the float32 goldens, which this run does not confirm: {', '.join(found)}" if found else None


def _quantized(bundle: Bundle) -> set[str]:
    return {artifact.engine for artifact in bundle.manifest.artifacts if "quantize" in artifact.requires}


def require_telling(bundle: Bundle, cases: Sequence[CaseArrays]) -> None:
    """Require bounds that prove something. Raises FerryError(FORMAT) for one, of whatever engine, that was loosened beyond all rounding."""
    quantized = _quantized(bundle)
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
