"""Inputs inside a contract that hurt: ends of ranges, zeros, subnormals, ties and very unequal magnitudes, one sample each.

Where an input has no range, the goldens' own stands for it. But integers of 32 or 64 bits without a range may be indices or lengths,
and booleans masks, of which only the goldens are known to be valid: they stay as they are. A sample on which the module itself is not finite, or
on which a label hangs on the last bit, says nothing of an engine and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.dtype import family, numpy_dtype
from torchferry.intake.mixing import taken_rows
from torchferry.intake.reference import Reference

STRESS = "stress"
SUBNORMAL = 2.0**-140
OCTAVES = 24  # between the largest and the smallest of very unequal magnitudes: all that a float32 has digits for
NUDGE = 2.0**-20  # of an input, by which no label that is compared may change
INDICES = frozenset({"int32", "int64"})  # dtypes that torch takes for indices
LARGEST_INTEGER = 2.0**53  # beyond it not every integer is a float64: such a range is not gone to the ends of

Float64: TypeAlias = NDArray[np.float64]


class NotStressedError(Exception):
    """There is no stress case, for a reason that is told to the user."""


def patterns(count: int, low: float, high: float) -> dict[str, Float64]:
    """Return values [count] in low to high for each way to hurt, by its name; what is outside is clipped. Most telling first."""
    place = np.arange(count)
    even = place % 2 == 0
    found = {
        "both ends in turn": np.where(even, low, high),
        "unequal magnitudes": np.where(even, high, low) * np.exp2(-(place % OCTAVES).astype(np.float64)),
        "the high end": np.full(count, high),
        "zeros": np.zeros(count),
        "the low end": np.full(count, low),
        "ties": np.full(count, low / 2 + high / 2),
        "subnormals": np.where(even, SUBNORMAL, -SUBNORMAL),
        "one high end, the others low": np.where(place == 0, high, low),
    }
    return {name: np.clip(values, low, high) for name, values in found.items()}


def stress_inputs(
    reference: Reference, contract: Contract, goldens: Mapping[str, Array], most: int | None = None
) -> dict[str, Array]:
    """Return a batch [n, ...] of one sample a pattern, with the goldens' other sizes; n is at most that of the goldens, and `most`.

    Where the contract has no batch, the first pattern that the module answers stands alone. Raises NotStressedError.
    """
    samples = _samples(contract, goldens)
    if BATCH not in contract.symbols:
        found = [sample for sample in samples if is_sound(reference, contract, sample)][:1]
    else:
        samples = samples[: contract.symbols[BATCH].max]
        found = _sound_batch(reference, contract, samples, most)
    if not found:
        raise NotStressedError(
            "the module has no answer in numbers, or none that holds in float64 too, to inputs at the ends of their ranges"
        )
    return found[0]


def rows_of(contract: Contract, inputs: Mapping[str, Array], rows: Sequence[int]) -> dict[str, Array]:
    """Return some samples of the inputs [n, ...], repeated until they are as many as the contract wants."""
    taken = np.resize(np.asarray(rows), max(len(rows), contract.symbols[BATCH].min))
    return taken_rows(contract, inputs, taken)


def batch_of(contract: Contract, inputs: Mapping[str, Array]) -> int:
    """Return how many samples inputs [n, ...] have that have a batch."""
    return next(len(inputs[spec.name]) for spec in contract.inputs if spec.is_batched)


def _sound_batch(
    reference: Reference, contract: Contract, samples: Sequence[Mapping[str, Array]], most: int | None
) -> list[dict[str, Array]]:
    """Return a batch of those samples that the module answers, the first `most` of them; an empty list where there is none."""
    whole = {
        spec.name: np.concatenate([sample[spec.name] for sample in samples]) if spec.is_batched else samples[0][spec.name]
        for spec in contract.inputs
    }

    def sound(rows: Sequence[int]) -> list[dict[str, Array]]:
        inputs = rows_of(contract, whole, rows)
        return [inputs] if is_sound(reference, contract, inputs) else []

    every = range(len(samples))
    first = every[:most]
    return sound(first) or ((kept := [row for row in every if sound([row])][:most]) and sound(kept)) or []


def _samples(contract: Contract, goldens: Mapping[str, Array]) -> list[dict[str, Array]]:
    """Return batches of one, each different from those before, at most as many as goldens. Raises NotStressedError."""
    has_batch = BATCH in contract.symbols
    moved = {
        spec.name: _values(spec, goldens[spec.name])
        for spec in contract.inputs
        if (spec.is_batched or not has_batch) and _may_move(spec, goldens[spec.name])
    }
    if not moved:
        raise NotStressedError("every input is a mask, or may be an index: an integer without a range")
    found: dict[bytes, dict[str, Array]] = {}
    count = batch_of(contract, goldens) if has_batch else 1
    for row, pattern in enumerate(patterns(0, 0, 0)):
        kept = {spec.name: _sample(spec, goldens[spec.name], row % count) for spec in contract.inputs}
        sample = {**kept, **{name: values[pattern] for name, values in moved.items()}}
        found.setdefault(b"".join(array.tobytes() for array in sample.values()), sample)
    return list(found.values())[: count if has_batch else None]


def _sample(spec: TensorSpec, golden: Array, row: int) -> Array:
    return golden[row : row + 1] if spec.is_batched else golden


def _may_move(spec: TensorSpec, golden: Array) -> bool:
    """Say whether other values than the goldens' are known to be valid."""
    kind = family(spec.dtype)
    match kind:
        case "float":
            return True
        case "bool":
            return False
        case "integer":
            is_known = spec.range is not None or spec.dtype not in INDICES
            return is_known and max(map(abs, _range(spec, golden))) <= LARGEST_INTEGER
    assert_never(kind)


def _values(spec: TensorSpec, golden: Array) -> dict[str, Array]:
    """Return one sample of an input for each pattern."""
    shape = (1, *golden.shape[1:]) if spec.is_batched else golden.shape
    low, high = _range(spec, golden)
    return {name: _typed(spec, found, low, high).reshape(shape) for name, found in patterns(math.prod(shape), low, high).items()}


def _typed(spec: TensorSpec, values: Float64, low: float, high: float) -> Array:
    """Return the values in the contract's dtype, inside the range after rounding too."""
    kind = family(spec.dtype)
    match kind:
        case "float":
            typed = np.asarray(values.astype(numpy_dtype(spec.dtype)))
            outside = (typed.astype(np.float64) < low) | (typed.astype(np.float64) > high)
            return np.where(outside, np.nextafter(typed, typed.dtype.type(low / 2 + high / 2)), typed)
        case "integer" | "bool":
            return np.asarray(np.rint(values).astype(spec.dtype))
    assert_never(kind)


def _range(spec: TensorSpec, golden: Array) -> tuple[float, float]:
    if spec.range is not None:
        low, high = spec.range
        return (low, high) if spec.is_float else (float(np.ceil(low)), float(np.floor(high)))
    values = golden[np.isfinite(golden)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def is_sound(reference: Reference, contract: Contract, inputs: Mapping[str, Array]) -> bool:
    """Say whether the module answers inputs [N, ...] in numbers, and with the same labels in float64, as they are and nudged."""
    nudges = (1.0, 1 - NUDGE, 1 + NUDGE) if any(not spec.is_float for spec in contract.outputs) else (1.0,)
    try:
        with np.errstate(all="ignore"):
            eager = reference.float32(inputs)
            exact = [reference.float64(_nudged(contract, inputs, factor)) for factor in nudges]
    except Exception:  # whatever the user's code raises
        return False
    for spec in contract.outputs:
        answers = [eager[spec.name], *(answer[spec.name] for answer in exact)]
        if any(answer.shape != answers[0].shape for answer in answers):
            return False
        if not all(np.isfinite(a).all() if spec.is_float else np.array_equal(a, answers[0]) for a in answers):
            return False
    return True


def _nudged(contract: Contract, inputs: Mapping[str, Array], factor: float) -> dict[str, Array]:
    """Return inputs whose floats differ in their last digits, each in another measure."""
    found = {}
    for spec in contract.inputs:
        array = inputs[spec.name]
        if spec.is_float:
            grade = 1 + (factor - 1) * (np.arange(array.size) % 7 + 1).reshape(array.shape) / 7
            array = np.asarray((array.astype(np.float64) * grade).astype(array.dtype))
        found[spec.name] = array
    return found
