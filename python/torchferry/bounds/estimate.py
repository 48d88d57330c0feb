"""Bounds of outputs that have no certificate: estimated by draws, widened where float32 eager leaves them, else measured.

An estimate never refuses honest rounding: only where an operator of eager differs from float64 by more than float32 can explain
does the module compute something else there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from torchferry.bounds.drawn_samples import drawn_samples
from torchferry.bounds.eager_distance import distance
from torchferry.bounds.halves import UNITS, half_bounds
from torchferry.bounds.leaving import Leaving, find_leaving
from torchferry.bounds.perturbation import DRAWS, FACTOR, estimated_bounds
from torchferry.bounds.progress import Say
from torchferry.bounds.rounding import UNIT, represented
from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.telling import largest, largest_bound
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.halves import halves_in, name_of
from torchferry.intake.source import first_line

MEASURED = 4
"""Where nothing is known but how far eager is off, other engines are allowed so many times as much: as after the draws."""
UNEXPLAINED = 2.0**-16
"""Of an output's largest value: what eager may be off by whatever its operators do, 256 roundings."""
TRIES = 3  # operators that may be widened, one after the other


@dataclass(frozen=True)
class _Subject:
    """What is estimated, and on which samples [n, ...]."""

    module: torch.nn.Module
    contract: Contract
    case: CaseArrays
    inputs: Mapping[str, Array]
    samples: str
    say: Say | None
    halves: frozenset[torch.dtype] = frozenset()  # the half precisions that it computes in


def estimate(
    module: torch.nn.Module, contract: Contract, case: CaseArrays, why: Mapping[str, str], say: Say | None = None
) -> dict[str, Bound]:
    """Return bounds of the outputs in `why`, which says of each why it has no certificate.

    Raises FerryError(MISMATCH) where an operator of float32 eager differs from float64 by more than float32 can explain.
    """
    try:
        inputs, samples = drawn_samples(module, contract, case)
        return _drawn(_Subject(module, contract, case, inputs, samples, say, halves_in(module, inputs)), why)
    except FerryError:
        raise
    except Exception as error:  # whatever the user's code, or torch, raises under the draws
        problem = f"the draws ended with {type(error).__name__}: {first_line(error)}"
        return {name: _measured(case, name, f"{reason}, and {problem}") for name, reason in why.items()}


def half_words(module: torch.nn.Module, inputs: Mapping[str, Array]) -> str:
    """Return why a module has no certificate that computes in half precision on inputs [N, ...]; empty where it does not."""
    halves = halves_in(module, inputs)
    return f"the module computes in {_named(halves)}, of which there are no certificates" if halves else ""


def _drawn(subject: _Subject, why: Mapping[str, str]) -> dict[str, Bound]:
    """Draw, and again with a wider operator where eager leaves the estimate."""
    wider: dict[str, float] = {}
    remarks: list[str] = []
    for _ in range(TRIES):
        values = _values(subject, wider)
        outside = [name for name in why if not distance(subject.case, name) <= values[name]]
        if not outside:
            break
        found = _leaving(subject, outside[0])
        if found is None or found.wider <= wider.get(found.operator, 1.0):
            remarks.append("" if found is None else found.words)
            break
        wider[found.operator] = math.ceil(found.wider * 10) / 10
        remarks.append(f"{found.words}, it is moved by {wider[found.operator]:.4g} times that")
    told = "".join(f"; {remark}" for remark in remarks if remark)
    return {
        name: _measured(subject.case, name, f"{reason}, and eager leaves the draws at {values[name]:.3g}{told}")
        if name in outside
        else Bound(values[name], _reason(subject, name, values[name], reason, told))
        for name, reason in why.items()
    }


def _values(subject: _Subject, wider: Mapping[str, float]) -> dict[str, float]:
    """Return the estimates of all float outputs, never less than the rounding of an output itself, which no operator need do."""
    case, drawn = subject.case, (subject.module, subject.contract, subject.inputs)
    found = half_bounds(*drawn, say=subject.say) if subject.halves else estimated_bounds(*drawn, wider=wider, say=subject.say)
    # Never more than what the goldens can tell, which a reader refuses.
    return {
        name: min(max(value, _own_rounding(case.float64[name])), largest_bound([case], name)) for name, value in found.items()
    }


def _own_rounding(values: Array) -> float:
    """Return how far float32 may be from values of any shape without any operator; 0 for what it holds, such as the -1e9 of a mask."""
    wide = values.astype(np.float64)
    return UNIT * largest(wide[represented(wide) != 0])


def _leaving(subject: _Subject, output: str) -> Leaving | None:
    """Return where eager leaves the draws. Raises FerryError(MISMATCH) where float32 cannot explain what it does there."""
    case = subject.case
    observed, size = distance(case, output), largest(case.float64[output])
    if subject.halves:
        return None  # half_bounds has refused what rounding does not explain
    found = find_leaving(subject.module, subject.contract, subject.inputs)
    if found is not None and found.is_other and not observed <= size * UNEXPLAINED:
        raise FerryError(
            ExitCode.MISMATCH,
            f"module: output {output}: got float32 eager {observed:.3g} away from float64, which rounding does not explain: {found.words}; "
            "the module computes something else in float64 (a dtype that depends on its input's?); nothing was written",
        )
    return found


def _named(halves: frozenset[torch.dtype]) -> str:
    return " and ".join(sorted(map(name_of, halves)))


def _measured(case: CaseArrays, name: str, why: str) -> Bound:
    """Return a multiple of what eager is off, and at least a few roundings of the output."""
    observed = distance(case, name)
    value = min(max(MEASURED * observed, MEASURED * _own_rounding(case.float64[name])), largest_bound([case], name))
    return Bound(value, f"measured at {value:.3g}, since {why}: {MEASURED} x what float32 eager is off, which is {observed:.2g}")


def _reason(subject: _Subject, name: str, value: float, why: str, told: str) -> str:
    if subject.halves:
        units = ", ".join(f"2^{math.log2(UNITS[dtype]):.0f} in {name_of(dtype)}" for dtype in sorted(subject.halves, key=str))
        return (
            f"estimated at {value:.3g}, since {why}: {FACTOR} x {value / FACTOR:.3g}, the largest of {DRAWS} deviations from float64 when each "
            f"operator's result is moved at random by its own rounding error in the precision that it has (unit roundoff {units}), on "
            f"{subject.samples}{told}; eager is within {distance(subject.case, name):.2g}"
        )
    return (
        f"estimated at {value:.3g}, since {why}: {FACTOR} x {value / FACTOR:.3g}, the largest of {DRAWS} deviations from float64 when each operator's "
        f"result is moved at random by its own float32 rounding error, on {subject.samples}{told}; float32 eager is within {distance(subject.case, name):.2g}"
    )


def layer_bounds(module: torch.nn.Module, contract: Contract, case: CaseArrays) -> dict[str, Bound]:
    """Return bounds of the values inside a module, which a probe gives as outputs: estimated, at least twice what eager is off."""
    found = {}
    subject = _Subject(module, contract, case, case.inputs, "all samples", None, halves_in(module, case.inputs))
    for name, value in _values(subject, {}).items():
        off = distance(case, name)
        found[name] = Bound(
            max(value, 2 * off) if np.isfinite(off) else value,
            f"estimated: {FACTOR} x the largest of {DRAWS} deviations from float64 when each operator's result is moved at random by its "
            f"own float32 rounding error, at least twice what float32 eager is off ({off:.2g})",
        )
    return found
