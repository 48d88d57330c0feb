"""From golden inputs to golden cases: all samples, the first one alone, and once with every other symbol at another size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torchferry.bundle.contract import BATCH, Array, Contract, check_inputs, check_outputs
from torchferry.bundle.golden import CaseArrays
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.outputs import resize
from torchferry.intake.reference import Reference
from torchferry.intake.source import first_line

OTHER_SIZES = "other-sizes"
FEW = 8


@dataclass(frozen=True)
class GoldenInputs:
    """Raw inputs of one batch (64 samples, say), and where they come from."""

    arrays: Mapping[str, Array]
    source: str
    description: str


def golden_cases(reference: Reference, contract: Contract, inputs: Mapping[str, Array]) -> list[CaseArrays]:
    """Make the cases of a bundle from inputs [N, ...]; the first holds every sample. Raises FerryError(BAD_INPUT)."""
    sizes = check_inputs(contract, inputs)
    require_samples(sizes)
    batches = [sizes[BATCH], *_smallest(contract, sizes[BATCH])] if BATCH in sizes else [1]
    cases = [_case(reference, contract, f"batch-{size}", first_samples(contract, inputs, size)) for size in batches]
    other = _other_sizes(contract, sizes)
    if other != sizes:
        cases.append(_case(reference, contract, OTHER_SIZES, resize(inputs, contract.inputs, other)))
    return cases


def _smallest(contract: Contract, count: int) -> list[int]:
    """Return the size of the smallest batch that the contract allows, where it is another one than `count`."""
    smallest = max(contract.symbols[BATCH].min, 1)
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


def _case(reference: Reference, contract: Contract, name: str, inputs: Mapping[str, Array]) -> CaseArrays:
    """Return the module's own outputs, held to the contract."""
    try:
        case = reference.case(name, inputs)
        check_outputs(contract, case.float32, check_inputs(contract, inputs))
    except FerryError as error:
        raise FerryError(ExitCode.BAD_INPUT, f"module: {error}; correct the module or its contract") from None
    except Exception as error:  # whatever the user's code raises for a batch of one
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: {name}: got {type(error).__name__}: {first_line(error)}, expected an answer; that of a sample must not need others beside it",
        ) from None
    return case


def _other_sizes(contract: Contract, sizes: Mapping[str, int]) -> dict[str, int]:
    """About half of every symbol but the batch, of which a few samples are enough; the same sizes where nothing else is free."""
    other = dict(sizes)
    for symbol, limits in contract.symbols.items():
        if symbol != BATCH:
            half = max(limits.min, 1, sizes[symbol] // 2)
            other[symbol] = half if half != sizes[symbol] else sizes[symbol] + (limits.max is None or limits.max > sizes[symbol])
    if other != dict(sizes) and BATCH in other:
        other[BATCH] = max(contract.symbols[BATCH].min, min(other[BATCH], FEW))
    return other
