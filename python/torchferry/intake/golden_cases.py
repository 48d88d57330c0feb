"""From golden inputs to golden cases: all samples, the first one alone, and every other symbol at another size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from torchferry.bundle.call_checks import check_inputs, check_outputs
from torchferry.bundle.contract import BATCH, Array, Contract, SymbolRange, TensorSpec
from torchferry.bundle.golden import CaseArrays
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.outputs import least_size, resize, symbol_sizes
from torchferry.intake.reference import Float64Error, Reference
from torchferry.intake.source import first_line

OTHER_SIZES = "other-sizes"
GIVEN = "given-"
FEW = 8


@dataclass(frozen=True)
class GoldenInputs:
    """Raw inputs of one batch (64 samples, say), where they come from, and inputs of other sizes that the user gave besides."""

    arrays: Mapping[str, Array]
    source: str
    description: str
    more: Sequence[Mapping[str, Array]] = ()


def golden_cases(reference: Reference, contract: Contract, golden: GoldenInputs) -> list[CaseArrays]:
    """Make the cases of a bundle from inputs [N, ...]: the first holds every sample, the second the first of them.

    Then come those of other sizes: the user's, or where there are none, the same inputs cut or continued. Raises
    FerryError(BAD_INPUT).
    """
    sizes = check_inputs(contract, golden.arrays)
    for inputs in (golden.arrays, *golden.more):
        _require_input_ranges(contract, inputs)
    require_samples(sizes)
    batches = [sizes[BATCH], *_smallest(contract, golden.arrays, sizes[BATCH])] if BATCH in sizes else [1]
    cases = [_case(reference, contract, f"batch-{size}", first_samples(contract, golden.arrays, size)) for size in batches]
    for number, inputs in enumerate(golden.more, 2):
        cases.append(_case(reference, contract, f"{GIVEN}{number}", inputs))
    other = _other_sizes(contract, golden.arrays, sizes)
    if other != sizes and not golden.more:
        cases.append(_case(reference, contract, OTHER_SIZES, resize(golden.arrays, contract.inputs, other)))
    return cases


def cases_of_their_own(cases: Sequence[CaseArrays]) -> list[CaseArrays]:
    """Return the cases whose samples are not those of another one: a batch holds its samples."""
    own = (OTHER_SIZES, GIVEN)
    return [case for case in cases if case is cases[0] or case.origin == "stress" or case.name.startswith(own)]


def smallest_batch(contract: Contract, inputs: Mapping[str, Array]) -> int:
    """Return the smallest batch that the contract allows and that no other input [...] indexes beyond."""
    size = symbol_sizes(contract.inputs, inputs)[BATCH]
    return max(contract.symbols[BATCH].min, least_size(contract.inputs, inputs, BATCH, size))


def _smallest(contract: Contract, inputs: Mapping[str, Array], count: int) -> list[int]:
    """Return the size of the smallest batch, where it is another one than `count`."""
    smallest = smallest_batch(contract, inputs)
    return [smallest] if smallest < count else []


def require_samples(sizes: Mapping[str, int]) -> None:
    """Require two samples: one cannot show that a batch is computed sample by sample. Raises FerryError(BAD_INPUT)."""
    if sizes.get(BATCH, 2) < 2:
        raise FerryError(
            ExitCode.BAD_INPUT, f"golden: batch {BATCH}: got {sizes[BATCH]}, expected at least 2 samples; give more of them"
        )


def first_samples(contract: Contract, inputs: Mapping[str, Array], count: int) -> dict[str, Array]:
    """Return the first `count` samples of each input [N, ...] that has a batch."""
    return {
        spec.name: inputs[spec.name][:count] if spec.shape and spec.shape[0] == BATCH else inputs[spec.name]
        for spec in contract.inputs
    }


def least_samples(contract: Contract, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return the first of independent samples [N, ...], as few as the module takes; all where they are not independent."""
    if BATCH not in contract.symbols or contract.samples != "independent":
        return inputs
    return first_samples(contract, inputs, smallest_batch(contract, inputs))


def _case(reference: Reference, contract: Contract, name: str, inputs: Mapping[str, Array]) -> CaseArrays:
    """Return the module's own outputs, held to the contract."""
    try:
        case = reference.case(name, inputs)
        check_outputs(contract, case.float32, check_inputs(contract, inputs))
        _require_both_finite(contract, case)
        _require_ranges(contract, case)
    except FerryError as error:
        raise FerryError(ExitCode.BAD_INPUT, f"module: {error}; correct the module or its contract") from None
    except Float64Error as error:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: {name} in float64: got {error}, expected an answer: the reference is a copy of the module in float64; write what takes "
            "float32 only in other operators",
        ) from None
    except Exception as error:  # whatever the user's code raises for a batch of one
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: {name}: got {type(error).__name__}: {first_line(error)}, expected an answer; that of a sample must not need others beside it",
        ) from None
    return case


def _require_both_finite(contract: Contract, case: CaseArrays) -> None:
    """Require that float32 and float64 are finite in the same places: no bound joins a number to none. Raises FerryError(BAD_INPUT)."""
    for spec in contract.outputs:
        a, b = case.float32[spec.name], case.float64[spec.name]
        if not spec.is_float or a.shape != b.shape:
            continue
        wrong = np.argwhere(np.isfinite(a.astype(np.float64)) != np.isfinite(b))
        if len(wrong):
            at = tuple(int(i) for i in wrong[0])
            raise FerryError(
                ExitCode.BAD_INPUT,
                f"output {spec.name}: element {list(at)}: got {a[at]:.6g} in float32 and {b[at]:.6g} in float64, expected a finite number in both "
                "or in neither",
            )


def _require_input_ranges(contract: Contract, inputs: Mapping[str, Array]) -> None:
    """Require that the goldens [N, ...] keep the ranges that the contract gives their inputs. Raises FerryError(BAD_INPUT)."""
    for spec in contract.inputs:
        found = _outside(spec, inputs[spec.name], "") if spec.name in inputs else None
        if found is not None:
            raise FerryError(
                ExitCode.BAD_INPUT, f"golden: input {spec.name}: {found}, the range of its contract; correct one of them"
            )


def _require_ranges(contract: Contract, case: CaseArrays) -> None:
    """Require that the outputs keep the ranges that are promised of them. Raises FerryError(BAD_INPUT)."""
    for spec in contract.outputs:
        found = _outside(spec, case.float32[spec.name], " from the module")
        if found is not None:
            raise FerryError(ExitCode.BAD_INPUT, f"output {spec.name}: {found}")


def _outside(spec: TensorSpec, array: Array, whose: str) -> str | None:
    """Return the first element of a tensor [N, ...] that is outside the range of its spec; NaN is in every range."""
    if spec.range is None:
        return None
    (low, high), values = spec.range, array.astype(np.float64)
    wrong = np.argwhere((values < low) | (values > high))
    if not len(wrong):
        return None
    at = tuple(int(i) for i in wrong[0])
    return f"element {list(at)}: got {values[at]:.6g}{whose}, expected {low:g} to {high:g}"


def _other_sizes(contract: Contract, inputs: Mapping[str, Array], sizes: Mapping[str, int]) -> dict[str, int]:
    """About half of every symbol but the batch, of which a few samples are enough; the same sizes where nothing else is free."""
    other = dict(sizes)
    for symbol, limits in contract.symbols.items():
        if symbol != BATCH:
            other[symbol] = _other_size(sizes[symbol], limits, least_size(contract.inputs, inputs, symbol, sizes[symbol]))
    if other != dict(sizes) and BATCH in other:
        other[BATCH] = max(smallest_batch(contract, inputs), min(other[BATCH], FEW))
    return other


def _other_size(size: int, limits: SymbolRange, least: int) -> int:
    """Return about half a size, or more of it where indices would then point outside or it cannot be halved."""
    half = max(limits.min, 1, size // 2)
    if half != size and half >= least:
        return half
    more = size + max(1, size // 2)
    return more if limits.max is None else max(size, min(more, limits.max))
