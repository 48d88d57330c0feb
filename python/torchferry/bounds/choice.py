"""The bound of every float output, with its reason: certified, for sure or with a probability, where each operator has a rule, else estimated."""

from __future__ import annotations

from collections.abc import Sequence

from torchferry.bounds.certified import certified_bounds
from torchferry.bounds.eager_distance import distance
from torchferry.bounds.error_bound import BrokenRuleError, NotCertifiedError
from torchferry.bounds.estimate import estimate, half_words
from torchferry.bounds.perturbation import NotDrawnError
from torchferry.bounds.probable import PROBABILITY, Probable, probable_bounds, too_much
from torchferry.bounds.progress import Say
from torchferry.bounds.work import work_of
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.kinds.kind import name_probability
from torchferry.compare.telling import largest_bound
from torchferry.compare.tolerance import Bound
from torchferry.errors import FerryError
from torchferry.intake.golden_cases import cases_of_their_own, least_samples
from torchferry.intake.source import ExportSource, first_line

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
    if words := half_words(source.module, least_samples(source.contract, case.inputs)):
        return estimate(source.module, source.contract, case, dict.fromkeys(names, words), say)
    if problem := _too_much(source, case):
        return estimate(source.module, source.contract, case, dict.fromkeys(names, problem), say)
    certified, why = _worst(source, case, say)
    probable, why_not = _probable(source, case, say) if names else ({}, "")
    chosen, wide = {}, {}
    for name in names:
        bounds = [found[name] for found in (certified, probable) if name in found and distance(case, name) <= found[name].value]
        best = min(bounds, key=lambda bound: bound.value, default=None)
        problem = f"{why}, and {why_not}" if best is None else _too_wide(name, best.value, case)
        if best is not None:
            chosen[name] = best
        if problem:
            wide[name] = problem
    for name, bound in (estimate(source.module, source.contract, case, wide, say) if wide else {}).items():
        chosen[name] = min(bound, chosen.get(name, bound), key=lambda bound: bound.value)
    return chosen


def _too_much(source: ExportSource, case: CaseArrays) -> str:
    """Return why no certificate is waited for; empty where the module does not take that long."""
    try:
        return too_much(work_of(source.module, source.contract, case.inputs))
    except Exception:  # of the user's code: the draws will meet it too, and say so
        return ""


def _worst(source: ExportSource, case: CaseArrays, say: Say | None) -> tuple[dict[str, Bound], str]:
    """Return the certified worst cases by output; none, and why, where an operator has no rule."""
    try:
        values = certified_bounds(source.program, source.contract, case.inputs)
    except FerryError:
        return {}, "torch.export cannot take the module"
    except NotCertifiedError as error:
        if say is not None and isinstance(error, BrokenRuleError):
            say(f"{error}: the bound is an estimate in place of a certificate; please report this with the module")
        return {}, str(error)
    return {
        name: Bound(value, _certified_reason(value, distance(case, name))) for name, value in values.items()
    }, "eager is beyond the certificate"


def _probable(source: ExportSource, case: CaseArrays, say: Say | None) -> tuple[dict[str, Bound], str]:
    """Return the certificates with a probability by output; none, and why, where there are none."""
    try:
        found = probable_bounds(source, case.inputs, say)
    except (NotCertifiedError, NotDrawnError) as error:
        return {}, str(error)
    except Exception as error:  # whatever the user's code, or torch, raises under the draws
        return {}, f"the draws ended with {type(error).__name__}: {first_line(error)}"
    return {
        name: Bound(item.value, _probable_reason(item, distance(case, name))) for name, item in found.items()
    }, "an output is decided, or bends, by roundings"


def _too_wide(name: str, certified: float, case: CaseArrays) -> str:
    """Return why a certificate is not what the output is held to; empty where it is."""
    observed = distance(case, name)
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


def _probable_reason(found: Probable, observed: float) -> str:
    size = f"{found.draws} draws" if found.draws else "the derivatives by each rounding (Linnainmaa 1976)"
    return (
        f"{name_probability(PROBABILITY)}on these goldens no float32 evaluation is more than {found.value:.3g} from float64, if its roundings are "
        "independent, have mean 0 and act to first order, and partial sums grow evenly (Higham and Mary, A new approach to probabilistic rounding "
        f"error analysis, 2019): {found.deviations:.3g} deviations, of which {size} tell the size; float32 eager is within {observed:.2g}"
    )
