"""The bound of every float output, with its reason: certified where each operator has a rule, else estimated."""

from __future__ import annotations

from collections.abc import Sequence

from torchferry.bounds.certified import certified_bounds
from torchferry.bounds.eager_distance import distance
from torchferry.bounds.error_bound import NotCertifiedError
from torchferry.bounds.estimate import estimate
from torchferry.bounds.progress import Say
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.telling import largest_bound
from torchferry.compare.tolerance import Bound
from torchferry.errors import FerryError
from torchferry.intake.golden_cases import cases_of_their_own
from torchferry.intake.source import ExportSource

WIDEST = 100.0
"""A certificate of many terms in any order can be true and say little: it is used up to so many times what float32 eager is off."""


def output_bounds(source: ExportSource, cases: Sequence[CaseArrays], say: Say | None = None) -> dict[str, Bound]:
    """Return a bound for each float output, which holds on the inputs [N, ...] of each case and on any of its samples.

    `say` is told the progress of what takes long. Raises FerryError(MISMATCH) where the module computes something else in float64.
    """
    found = [_case_bounds(source, case, say) for case in cases_of_their_own(cases)]
    return {name: max((bounds[name] for bounds in found), key=lambda bound: bound.value) for name in found[0]}


def _case_bounds(source: ExportSource, case: CaseArrays, say: Say | None) -> dict[str, Bound]:
    names = [spec.name for spec in source.contract.outputs if spec.is_float]
    if not names:
        return {}
    try:
        values = certified_bounds(source.program, source.contract, case.inputs)
    except (FerryError, NotCertifiedError) as error:
        why = str(error) if isinstance(error, NotCertifiedError) else "torch.export cannot take the module"
        return estimate(source.module, source.contract, case, dict.fromkeys(names, why), say)
    wide = {name: why for name, value in values.items() if (why := _too_wide(name, value, case))}
    estimated = estimate(source.module, source.contract, case, wide, say) if wide else {}
    certified = {name: Bound(value, _certified_reason(value, distance(case, name))) for name, value in values.items()}
    return {name: _tighter(bound, estimated.get(name, bound), distance(case, name)) for name, bound in certified.items()}


def _tighter(certified: Bound, estimated: Bound, observed: float) -> Bound:
    """Return the smaller bound; the estimate where eager breaks the certificate, which then holds for another module."""
    return min(certified, estimated, key=lambda bound: bound.value) if observed <= certified.value else estimated


def _too_wide(name: str, certified: float, case: CaseArrays) -> str:
    """Return why a certificate is not what the output is held to; empty where it is."""
    observed = distance(case, name)
    if not observed <= certified:
        return f"float32 eager is {observed:.3g} off, beyond the certified {certified:.3g}"
    if certified > largest_bound([case], name):
        return f"the certified {certified:.3g} would pass any model"
    if certified > WIDEST * observed:
        return f"the certified {certified:.3g} is more than {WIDEST:.0f} times what float32 eager is off"
    return ""


def _certified_reason(bound: float, observed: float) -> str:
    return (
        f"certified: on these goldens no float32 evaluation, with sums in any order, can be more than {bound:.3g} from float64 (running error "
        f"bound: Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4); float32 eager is within {observed:.2g}"
    )
