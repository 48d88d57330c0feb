"""The stream of a bundle whose contract has a state: consecutive steps that every engine answers with its own state, and bounds for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchferry.bounds.choice import output_bounds
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.tolerance import Bound
from torchferry.errors import FerryError
from torchferry.intake.golden_cases import GoldenInputs
from torchferry.intake.reference import Reference
from torchferry.intake.source import ExportSource
from torchferry.intake.stream import STREAM, Unrolled, of_step, step_inputs, steps_of, unrolled_contract, unrolled_inputs
from torchferry.intake.stress import is_sound

STEPS = (8, 4, 2)
"""Tried in turn. Errors that add up grow as the steps do: a stream may widen a bound so many times as it has steps, and no more."""


class NotStreamedError(Exception):
    """There is no stream, for a reason that is told to the user."""


def stream_cases(
    source: ExportSource, golden: GoldenInputs, bounds: Mapping[str, Bound]
) -> tuple[list[CaseArrays], dict[str, Bound]]:
    """Return the steps of a stream, and bounds that hold on them and on the cases whose own are `bounds`.

    It is shorter where the errors of float32 grow faster than the steps do, or where a decision hangs on rounding. Raises NotStreamedError.
    """
    problems = []
    for steps in STEPS:
        inputs = step_inputs(source.contract, golden, steps)
        try:
            found = _bounded_steps(source, inputs, bounds)
        except NotStreamedError as error:
            problems.append(str(error))
            continue
        return found
    raise NotStreamedError(problems[-1])


def _bounded_steps(
    source: ExportSource, inputs: Sequence[Mapping[str, Array]], bounds: Mapping[str, Bound]
) -> tuple[list[CaseArrays], dict[str, Bound]]:
    steps, contract = len(inputs), unrolled_contract(source.contract, len(inputs))
    whole = ExportSource(Unrolled(source.module, source.contract, steps), contract, unrolled_inputs(source.contract, inputs))
    reference = Reference(whole.module, contract)
    if not is_sound(reference, contract, whole.examples):
        raise NotStreamedError(
            f"within {steps} steps from a state of zeros the module has no answer in numbers, or none that holds in float64 too"
        )
    case = reference.case(STREAM, whole.examples)
    try:
        found = output_bounds(whole, [case])
    except FerryError as error:
        raise NotStreamedError(str(error)) from None
    wider = {name: _widest(name, bound, found, steps) for name, bound in bounds.items()}
    return steps_of(source.contract, case, inputs), wider


def _widest(name: str, given: Bound, found: Mapping[str, Bound], steps: int) -> Bound:
    """Return the largest bound of an output in any step; the given one where that is larger. Raises NotStreamedError."""
    widest = max((found[of_step(name, step)] for step in range(1, steps + 1)), key=lambda bound: bound.value)
    if widest.value <= given.value:
        return given
    if widest.value > steps * given.value:
        raise NotStreamedError(
            f"within {steps} steps float32 would be off by more than {steps} times the bound of one, {given.value:.3g}, in output {name}"
        )
    return Bound(widest.value, f"{widest.reason}; so far off in the last of {steps} steps, each with the state of the one before")
