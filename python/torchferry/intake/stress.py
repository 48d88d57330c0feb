"""Inputs inside a contract that hurt: ends of ranges, zeros, subnormals, ties and very unequal magnitudes, one sample each.

Where an input has no range, that of the goldens stands for it. A sample on which the module itself is not finite, or on which a
label hangs on the last bit, says nothing of an engine and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.dtype import family, holds_floats
from torchferry.intake.reference import Reference

STRESS = "stress"
SUBNORMAL = 2.0**-140
OCTAVES = 24  # between the largest and the smallest of very unequal magnitudes: all that a float32 has digits for
MOST_ELEMENTS = 2**20  # of a batch that is filled
NUDGE = 2.0**-20  # of an input, by which no label that is compared may change

Float64: TypeAlias = NDArray[np.float64]


def patterns(count: int, low: float, high: float) -> dict[str, Float64]:
    """Return `count` values in low to high for each way to hurt, by its name; what is outside is clipped."""
    place = np.arange(count)
    even = place % 2 == 0
    found = {
        "the low end": np.full(count, low),
        "the high end": np.full(count, high),
        "both ends in turn": np.where(even, low, high),
        "one high end, the others low": np.where(place == 0, high, low),
        "zeros": np.zeros(count),
        "subnormals": np.where(even, SUBNORMAL, -SUBNORMAL),
        "ties": np.full(count, (low + high) / 2),
        "unequal magnitudes": np.where(even, high, low) * np.exp2(-(place % OCTAVES).astype(np.float64)),
    }
    return {name: np.clip(values, low, high) for name, values in found.items()}


def stress_inputs(reference: Reference, contract: Contract, goldens: Mapping[str, Array]) -> dict[str, Array] | None:
    """Return a batch [n, ...] of one sample a pattern, with the goldens' other sizes. None where no sample is left.

    Small samples are repeated until the batch is as large as that of the goldens: kernels for few samples round in other ways. A
    sample that the module does not take is left out.
    """
    if BATCH not in contract.symbols:
        return None
    samples = [sample for sample in _samples(contract, goldens) if _is_sound(reference, contract, sample)]
    fewest, most = contract.symbols[BATCH].min, contract.symbols[BATCH].max
    samples = samples[:most]
    if len(samples) < max(fewest, 1):
        return None
    rows = np.resize(np.arange(len(samples)), max(len(samples), _count(contract, goldens)))
    return {
        spec.name: np.concatenate([samples[row][spec.name] for row in rows]) if _is_batched(spec) else goldens[spec.name]
        for spec in contract.inputs
    }


def _count(contract: Contract, goldens: Mapping[str, Array]) -> int:
    """Return how many samples the goldens have; 0 where samples are mixed, or where as many are large."""
    batched = [goldens[spec.name] for spec in contract.inputs if _is_batched(spec)]
    fits = contract.samples == "independent" and sum(array.size for array in batched) <= MOST_ELEMENTS
    return len(batched[0]) if fits else 0


def _samples(contract: Contract, goldens: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Yield batches of one, each different from those before."""
    batched = {spec.name: _values(spec, goldens[spec.name]) for spec in contract.inputs if _is_batched(spec)}
    whole = {spec.name: goldens[spec.name] for spec in contract.inputs if not _is_batched(spec)}
    seen: set[bytes] = set()
    for pattern in patterns(0, 0, 0):
        sample = {**whole, **{name: values[pattern] for name, values in batched.items()}}
        key = b"".join(array.tobytes() for array in sample.values())
        if key not in seen:
            yield sample
        seen.add(key)


def _values(spec: TensorSpec, golden: Array) -> dict[str, Array]:
    """Return one sample [1, ...] of an input for each pattern."""
    shape = (1, *golden.shape[1:])
    low, high = _range(spec, golden)
    return {name: _typed(spec, found.reshape(shape)) for name, found in patterns(int(np.prod(shape)), low, high).items()}


def _typed(spec: TensorSpec, values: Float64) -> Array:
    kind = family(spec.dtype)
    match kind:
        case "float":
            return np.asarray(values.astype(spec.dtype))
        case "integer" | "bool":
            return np.asarray(np.rint(values).astype(spec.dtype))
    assert_never(kind)


def _range(spec: TensorSpec, golden: Array) -> tuple[float, float]:
    if spec.range is not None:
        low, high = spec.range
        return (low, high) if spec.is_float else (float(np.ceil(low)), float(np.floor(high)))
    values = golden[np.isfinite(golden)] if holds_floats(golden) else golden
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _is_sound(reference: Reference, contract: Contract, sample: Mapping[str, Array]) -> bool:
    """Say whether the module answers in numbers, and with the same labels in float64, alone and nudged."""
    try:
        with np.errstate(all="ignore"):
            eager, exact = reference.float32(sample), reference.float64(sample)
            nudged = [reference.float64(_nudged(contract, sample, factor)) for factor in (1 - NUDGE, 1 + NUDGE)]
    except Exception:  # whatever the user's code raises
        return False
    for spec in contract.outputs:
        found = (eager[spec.name], exact[spec.name])
        if spec.is_float:
            if not all(np.isfinite(array).all() for array in found):
                return False
        elif not all(np.array_equal(found[1], other) for other in (found[0], *(answer[spec.name] for answer in nudged))):
            return False
    return True


def _nudged(contract: Contract, sample: Mapping[str, Array], factor: float) -> dict[str, Array]:
    """Return the sample with floats that differ in their last digits, each in another measure."""
    found = {}
    for spec in contract.inputs:
        array = sample[spec.name]
        if spec.is_float:
            grade = 1 + (factor - 1) * (np.arange(array.size) % 7 + 1).reshape(array.shape) / 7
            array = np.asarray((array.astype(np.float64) * grade).astype(array.dtype))
        found[spec.name] = array
    return found


def _is_batched(spec: TensorSpec) -> bool:
    return spec.shape[:1] == (BATCH,)
