"""Artifacts of a module that torch.export does not take, run where the module may go another way than at its goldens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from torchferry.bundle.contract import BATCH, Array
from torchferry.bundle.dtype import holds_floats
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.reader import Bundle
from torchferry.compare.verdict import Verdict
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.golden_cases import first_samples
from torchferry.intake.mixing import first_rows
from torchferry.intake.outputs import symbol_sizes
from torchferry.intake.reference import Reference
from torchferry.intake.source import ExportSource, ProgramError, first_line
from torchferry.intake.turns import inputs_of, other_sizes
from torchferry.proof.replay import Runnable, compare_output

FAR = 16.0
"""Times the bound, which is that of the goldens' sizes: longer sums round more."""
FAR_OF_LARGEST = 2.0**-12
"""Of the output's largest value, which no sum of float32 is off by; another way is."""


@dataclass(frozen=True)
class HeldSize:
    """A case at a size that no golden has."""

    symbol: str
    size: int
    case: CaseArrays


def held_sizes(
    source: ExportSource, reference: Reference, goldens: Mapping[str, Array], note: Callable[[str], None]
) -> Iterator[HeldSize]:
    """Yield the module's own answers to goldens [N, ...] at other sizes; none where torch.export took the module, which then has one way for all sizes.

    What the module itself does not take is noted: the contract promises it.
    """
    for symbol, size in _turns(source, goldens):
        inputs = inputs_of(source.contract, goldens, symbol, size)
        if inputs is None:
            continue
        try:
            case = reference.case(f"{symbol}-{size}", inputs)
        except Exception as error:  # whatever the user's code raises
            note(
                f"the module does not take {symbol} = {size}, which the contract promises: {first_line(error)}; give {symbol} its limits"
            )
        else:
            yield HeldSize(symbol, size, case)


def batch_case(source: ExportSource, reference: Reference, goldens: CaseArrays, size: int) -> CaseArrays:
    """Return the module's own answers to the first `size` goldens [N, ...].

    Where torch.export took the module, which then has one way for all sizes, and samples are independent, they are rows of the answers
    to all.
    """
    name, inputs = f"batch-{size}", first_samples(source.contract, goldens.inputs, size)
    if source.contract.samples != "independent" or not _has_one_way(source):
        return reference.case(name, inputs)
    float32, float64 = (first_rows(source.contract, found, size) for found in (goldens.float32, goldens.float64))
    return CaseArrays(name, inputs, float32, float64)


def larger_batches(source: ExportSource, reference: Reference, goldens: Mapping[str, Array]) -> Iterator[CaseArrays]:
    """Yield the goldens [N, ...], repeated to the larger batches at which the module may go another way; no batch that it does not take."""
    count = symbol_sizes(source.contract.inputs, goldens).get(BATCH, 0)
    for symbol, size in _turns(source, goldens):
        inputs = inputs_of(source.contract, goldens, symbol, size) if symbol == BATCH and size > count else None
        if inputs is None:
            continue
        try:
            case = reference.case(f"{symbol}-{size}", inputs)
        except Exception:  # whatever the user's code raises: held_sizes says it
            continue
        yield case


def _has_one_way(source: ExportSource) -> bool:
    """Say whether torch.export took the module itself: of TorchScript it takes a program that a converter wrote."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in source.module.modules()):
        return False
    try:
        source.program  # noqa: B018  # made once
    except ProgramError:
        return False
    return True


def _turns(source: ExportSource, goldens: Mapping[str, Array]) -> list[tuple[str, int]]:
    try:
        source.program  # noqa: B018  # made once
    except ProgramError as error:
        return list(other_sizes(source.contract, goldens, error.said))
    return []


def require_same_way(bundle: Bundle, session: Runnable, engine: str, format_name: str, held: HeldSize) -> None:
    """Require that an artifact goes the module's way at a size. Raises FerryError(MISMATCH)."""
    remedy = f"the artifact keeps what the module does at the sizes of its goldens: give {held.symbol} the limits of that, or leave {format_name} out"
    try:
        actual = session.run(held.case.inputs)
    except FerryError as error:
        raise FerryError(
            ExitCode.MISMATCH, f"{format_name}: {held.symbol} = {held.size}: {error}; {remedy}; nothing was written"
        ) from None
    for spec in bundle.contract.outputs:
        verdict = compare_output(bundle, held.case, actual, spec.name, engine=engine, device="cpu", numerics="")
        if not verdict.passed and _is_far(verdict, held.case.float32[spec.name]):
            raise FerryError(
                ExitCode.MISMATCH,
                f"{format_name}: {held.symbol} = {held.size}: output {spec.name}: got {_found(verdict)}; {remedy}; nothing was written",
            )


def _is_far(verdict: Verdict, expected: Array) -> bool:
    if verdict.worst is None or not holds_floats(expected):
        return True
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    return not verdict.max_abs <= max(FAR * verdict.tolerance.bound, FAR_OF_LARGEST * largest)


def _found(verdict: Verdict) -> str:
    worst = verdict.worst
    if worst is None:
        return f"{verdict.problem}"
    return f"{worst.actual:.6g} at {list(worst.index)}, expected the module's {worst.expected:.6g}"
