"""The bound of every float output, with its reason: certified where each operator has a rule, else estimated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from torchferry.bounds.certified import certified_bounds
from torchferry.bounds.error_bound import NotCertifiedError
from torchferry.bounds.perturbation import DRAWS, FACTOR, estimated_bounds
from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.telling import largest_bound
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.golden_cases import cases_of_their_own
from torchferry.intake.source import ExportSource

UNIT_ROUNDOFF = 2.0**-24  # of float32
WIDEST = 100.0
"""A certificate of many terms in any order can be true and say little: it is used up to so many times what float32 eager is off."""


def output_bounds(source: ExportSource, cases: Sequence[CaseArrays]) -> dict[str, Bound]:
    """Return a bound for each float output, which holds on the inputs [N, ...] of each case and on any of its samples.

    Raises FerryError(MISMATCH) where float32 eager itself breaks them: the module computes something else in float64.
    """
    found = [_case_bounds(source, case) for case in cases_of_their_own(cases)]
    return {name: max((bounds[name] for bounds in found), key=lambda bound: bound.value) for name in found[0]}


def _case_bounds(source: ExportSource, case: CaseArrays) -> dict[str, Bound]:
    observed = {name: _distance(case, name) for name in _float_outputs(source)}
    bounds = _bounds(source, case, observed)
    for name, bound in bounds.items():
        if not observed[name] <= bound.value:
            raise FerryError(
                ExitCode.MISMATCH,
                f"module: output {name}: got float32 eager {observed[name]:.3g} away from float64, expected at most {bound.value:.3g}, which "
                "rounding explains: the module computes something else in float64 (a dtype that depends on its input's?); nothing was written",
            )
    return bounds


def _bounds(source: ExportSource, case: CaseArrays, observed: dict[str, float]) -> dict[str, Bound]:
    try:
        program = source.program
    except FerryError:
        return _estimated(source, case, observed, dict.fromkeys(observed, "torch.export cannot take the module"))
    try:
        values = certified_bounds(program, source.contract, case.inputs)
    except NotCertifiedError as error:
        return _estimated(source, case, observed, dict.fromkeys(observed, str(error)))
    wide = {name: why for name, value in values.items() if (why := _too_wide(name, value, case, observed[name]))}
    estimated = _estimated(source, case, observed, wide) if wide else {}
    certified = {name: Bound(value, _certified_reason(value, observed[name])) for name, value in values.items()}
    return {name: min(bound, estimated.get(name, bound), key=lambda bound: bound.value) for name, bound in certified.items()}


def _too_wide(name: str, certified: float, case: CaseArrays, observed: float) -> str:
    """Return why a certificate is not what the output is held to; empty where it is."""
    if certified > largest_bound([case], name):
        return f"the certified {certified:.3g} would pass any model"
    if certified > WIDEST * observed:
        return f"the certified {certified:.3g} is more than {WIDEST:.0f} times what float32 eager is off"
    return ""


def layer_bounds(module: torch.nn.Module, contract: Contract, case: CaseArrays) -> dict[str, Bound]:
    """Return bounds of the values inside a module, which a probe gives as outputs: estimated, at least twice what eager is off."""
    found = {}
    for name, value in _estimated_values(module, contract, case).items():
        off = _distance(case, name)
        found[name] = Bound(
            max(value, 2 * off) if np.isfinite(off) else value,
            f"estimated: {FACTOR} x the largest of {DRAWS} deviations from float64 when each operator's result is moved at random by its "
            f"own float32 rounding error, at least twice what float32 eager is off ({off:.2g})",
        )
    return found


def _estimated_values(module: torch.nn.Module, contract: Contract, case: CaseArrays) -> dict[str, float]:
    return {
        # Never less than the rounding of the output itself: a constant that a clamp lets through is rounded by no operator.
        # Never more than what the goldens can tell, which a reader refuses.
        name: min(max(value, UNIT_ROUNDOFF * _largest(case.float64[name])), largest_bound([case], name))
        for name, value in estimated_bounds(module, contract, case.inputs).items()
    }


def _estimated(source: ExportSource, case: CaseArrays, observed: dict[str, float], why: dict[str, str]) -> dict[str, Bound]:
    """Bounds of the outputs in `why`, which says of each why it has no certificate."""
    values = _estimated_values(source.module, source.contract, case)
    return {name: Bound(values[name], _estimated_reason(values[name], observed[name], reason)) for name, reason in why.items()}


def _certified_reason(bound: float, observed: float) -> str:
    return (
        f"certified: on these goldens no float32 evaluation, with sums in any order, can be more than {bound:.3g} from float64 (running error "
        f"bound: Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4); float32 eager is within {observed:.2g}"
    )


def _estimated_reason(bound: float, observed: float, why: str) -> str:
    return (
        f"estimated at {bound:.3g}, since {why}: {FACTOR} x {bound / FACTOR:.3g}, the largest of {DRAWS} deviations from float64 when each operator's "
        f"result is moved at random by its own float32 rounding error; float32 eager is within {observed:.2g}"
    )


def _float_outputs(source: ExportSource) -> list[str]:
    return [spec.name for spec in source.contract.outputs if spec.is_float]


def _largest(values: Array) -> float:
    """Return the largest magnitude that is a number: a mask is infinite and not rounded."""
    magnitudes = np.abs(values)
    return float(magnitudes[np.isfinite(magnitudes)].max(initial=0.0))


def _distance(case: CaseArrays, name: str) -> float:
    """Return how far float32 eager is from float64; infinite where only one of them is a number."""
    a, b = case.float32[name].astype(np.float64), case.float64[name].astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))
