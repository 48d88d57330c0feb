"""The stress case of a bundle, beside the goldens that its user gave, and bounds that hold for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torchferry.bounds.choice import output_bounds
from torchferry.bounds.drawn_samples import affordable_samples
from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.tolerance import Bound
from torchferry.intake.reference import Reference
from torchferry.intake.source import ExportSource
from torchferry.intake.stress import STRESS, NotStressedError, batch_of, rows_of, stress_inputs

MOST_WIDENED = 4.0
"""A bound is one number for all cases. What would make it more than so many times as large would blunt it for the user's goldens."""
MOST_ELEMENTS = 2**20
"""Of the inputs of a batch that is filled by repetition."""


def stress_case(
    source: ExportSource, reference: Reference, given: Sequence[CaseArrays], bounds: Mapping[str, Bound]
) -> tuple[CaseArrays, dict[str, Bound]]:
    """Return the case of inputs that hurt, and bounds that hold on it and on the given cases, whose own are `bounds`.

    A sample that would widen a bound more than MOST_WIDENED times, or that has none, is left out. The others are repeated until they
    are as many as the goldens, for which kernels divide their work in the same way: equal bits are promised for both. Those of a large
    module are one or two, which tell most, and stay as few. Raises NotStressedError.
    """
    most = _affordable(source, given[0].inputs)
    case = _case(reference, stress_inputs(reference, source.contract, given[0].inputs, most))
    found = _bounds(source, case, bounds)
    if found is None and (kept := _rows_that_hold(source, reference, case.inputs, bounds)):
        case = _case(reference, rows_of(source.contract, case.inputs, kept))
        found = _bounds(source, case, bounds)
    if found is None:
        raise NotStressedError(f"float32 would be off there by more than {MOST_WIDENED:g} times the bounds of the goldens")
    wider = {name: max(bound, found[name], key=lambda bound: bound.value) for name, bound in bounds.items()}
    repeated = case.inputs if most is not None else _repeated(source.contract, case.inputs, given[0].inputs)
    return case if repeated is case.inputs else _case(reference, repeated), wider


def _affordable(source: ExportSource, goldens: Mapping[str, Array]) -> int | None:
    """Return how many samples draws can be made on, where that is fewer than goldens [N, ...]: one or two of a large module; else None."""
    if BATCH not in source.contract.symbols or source.contract.samples != "independent":
        return None
    try:
        affordable, _ = affordable_samples(source.module, source.contract, goldens)
    except Exception:  # of the user's code, under the draws: all are tried
        return None
    return affordable if affordable < batch_of(source.contract, goldens) else None


def _bounds(source: ExportSource, case: CaseArrays, given: Mapping[str, Bound]) -> dict[str, Bound] | None:
    """Return the bounds that hold on this case; None where there are none, or one is too wide."""
    try:
        found = output_bounds(source, [case])
    except Exception:  # a rule or a draw that these inputs break: those of the user have passed it
        return None
    return found if all(found[name].value <= MOST_WIDENED * bound.value for name, bound in given.items()) else None


def _rows_that_hold(
    source: ExportSource, reference: Reference, inputs: Mapping[str, Array], bounds: Mapping[str, Bound]
) -> list[int]:
    """Return which samples [n, ...] have bounds when they are alone; none where samples are not independent."""
    if BATCH not in source.contract.symbols or source.contract.samples != "independent":
        return []
    alone = (_case(reference, rows_of(source.contract, inputs, [row])) for row in range(batch_of(source.contract, inputs)))
    return [row for row, case in enumerate(alone) if _bounds(source, case, bounds) is not None]


def _repeated(contract: Contract, inputs: Mapping[str, Array], goldens: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return as many samples [n, ...] as goldens; those that there are where samples are not independent or are large."""
    if BATCH not in contract.symbols or contract.samples != "independent":
        return inputs
    if sum(goldens[spec.name].size for spec in contract.inputs) > MOST_ELEMENTS:
        return inputs
    count = batch_of(contract, inputs)
    return rows_of(contract, inputs, [row % count for row in range(max(count, batch_of(contract, goldens)))])


def _case(reference: Reference, inputs: Mapping[str, Array]) -> CaseArrays:
    return replace(reference.case(STRESS, inputs), origin="stress")
