"""Whether a module's answer to a sample depends on the samples beside it, found out by running it in float64.

A larger batch takes other kernels, which round in another way. In float64 that moves a result by some 2^-53 of it, and a model
that mixes samples moves it by whatever the other samples are: the two are 2^20 and more apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.dtype import holds_floats
from torchferry.bundle.golden import CaseArrays
from torchferry.intake.golden_cases import first_samples, smallest_batch
from torchferry.intake.outputs import symbol_sizes

ROUNDING = 2.0**-30
"""Of an output's largest value. What float64 rounds by more than this has no digit left in float32."""
UNSEEN = 2.0**-20
"""Of what float32 is off: a move that no float32 engine could show."""
LOUDER = 8.0
"""Other samples are so many times as large as the goldens, where the contract gives no range."""
MOST_ELEMENTS = 2**20
"""Of the inputs that are tried: all of 64 small samples, a few of large images."""

Run: TypeAlias = Callable[[Mapping[str, Array]], Mapping[str, Array]]
Rows: TypeAlias = NDArray[np.int64]


def mixing_evidence(run: Run, contract: Contract, goldens: CaseArrays, *, most: int | None = None) -> str | None:
    """Return what shows that samples are mixed: `output y: sample 0: got 1 alone, expected 0.5`. None where they are independent.

    `run` gives the float64 outputs of inputs in the contract's shapes, as `goldens` has them of all samples. Each golden is run alone, all
    of them in another order, and each half beside itself and beside louder samples. What moves an answer by 2^-20 of what float32 is off
    there is no mixing, as where an output is what is left of larger numbers that cancel. `most` samples are tried, or two, and held to
    their rows in the whole batch. Raises what `run` raises for parts of the goldens.
    """
    count = symbol_sizes(contract.inputs, goldens.inputs).get(BATCH, 1)
    if count < 2:
        return None
    affordable = _affordable(contract, goldens.inputs, count if most is None else min(count, most))
    inputs = first_samples(contract, goldens.inputs, affordable)
    count = symbol_sizes(contract.inputs, inputs)[BATCH]
    whole, eager = (first_rows(contract, found, count) for found in (goldens.float64, goldens.float32))
    noise = _noise(whole, eager)
    for what, rows, kept, changed in _arrangements(contract, inputs, count):
        found = _try(run, changed, tolerant=what == LOUD)
        if found is None:
            continue
        for spec in contract.outputs:
            problem = _difference(spec, whole[spec.name], found[spec.name], rows[:kept], noise.get(spec.name, 0.0))
            if problem is not None:
                return f"output {spec.name}: {problem.format(what=what)}"
    return None


LOUD = "beside louder samples"


def _arrangements(
    contract: Contract, inputs: Mapping[str, Array], count: int
) -> Iterator[tuple[str, Rows, int, Mapping[str, Array]]]:
    """Yield what is tried: its words, the samples in their order, how many of the first count, and the inputs."""
    rows = np.arange(count, dtype=np.int64)
    smallest = smallest_batch(contract, inputs)
    alone = "alone" if smallest == 1 else f"in a batch of {smallest}"
    for start in range(0, count, smallest):
        group = rows[min(start, count - smallest) :][:smallest]
        yield alone, group, len(group), taken_rows(contract, inputs, group)
    yield "in another order", rows[::-1], count, taken_rows(contract, inputs, rows[::-1])
    for half in (rows[: count // 2], rows[count // 2 :]):
        order = np.resize(half, count)
        yield "beside other samples", order, len(half), taken_rows(contract, inputs, order)
        yield LOUD, order, len(half), _beside_louder(contract, inputs, order, len(half))


def _affordable(contract: Contract, goldens: Mapping[str, Array], count: int) -> int:
    whole = symbol_sizes(contract.inputs, goldens)[BATCH]
    size = sum(goldens[spec.name].size for spec in contract.inputs if spec.is_batched) // whole
    return min(whole, max(2, smallest_batch(contract, goldens), min(count, MOST_ELEMENTS // max(size, 1))))


def _try(run: Run, inputs: Mapping[str, Array], *, tolerant: bool) -> Mapping[str, Array] | None:
    """Return the outputs; None where made-up samples are none that the module takes."""
    try:
        return run(inputs)
    except Exception:  # whatever the user's code raises
        if not tolerant:
            raise
        return None


def first_rows(contract: Contract, outputs: Mapping[str, Array], count: int) -> dict[str, Array]:
    """Return the rows of the first `count` samples in the outputs [N, ...] of all; outputs without a batch whole."""
    return {spec.name: outputs[spec.name][:count] if spec.is_batched else outputs[spec.name] for spec in contract.outputs}


def taken_rows(contract: Contract, inputs: Mapping[str, Array], rows: Rows) -> dict[str, Array]:
    """Return some samples of the inputs [N, ...], in that order; inputs without a batch whole."""
    return {
        spec.name: np.ascontiguousarray(inputs[spec.name][rows]) if spec.is_batched else inputs[spec.name]
        for spec in contract.inputs
    }


def _beside_louder(contract: Contract, inputs: Mapping[str, Array], rows: Rows, kept: int) -> dict[str, Array]:
    """Return these samples, those after the first `kept` at the ends of their ranges or louder."""
    found = taken_rows(contract, inputs, rows)
    for spec in contract.inputs:
        if not spec.is_batched or not spec.is_float:
            continue
        array = found[spec.name]
        low, high = spec.range or (LOUDER * float(array.min()), LOUDER * float(array.max()))
        others = array[kept:]
        others[...] = np.where(np.arange(others.size).reshape(others.shape) % 2 == 0, high, low)
    return found


def _noise(whole: Mapping[str, Array], single: Mapping[str, Array]) -> dict[str, float]:
    """Return how far the float outputs of float32 are from float64 at most."""
    found = {}
    for name, exact in whole.items():
        if holds_floats(exact) and single[name].shape == exact.shape:
            with np.errstate(invalid="ignore"):  # infinity minus infinity
                off = np.abs(single[name].astype(np.float64) - exact.astype(np.float64))
            found[name] = float(off[np.isfinite(off)].max(initial=0.0))
    return found


def _difference(spec: TensorSpec, whole: Array, found: Array, rows: Rows, noise: float) -> str | None:
    """Return the first value that differs by more than rounding; `found` holds the samples `rows` first."""
    expected, actual = (whole[rows], found[: len(rows)]) if spec.is_batched else (whole, found)
    if actual.shape != expected.shape:
        return f"got the shape {list(actual.shape)} {{what}}, expected {list(expected.shape)}"
    wrong = np.argwhere(~_agrees(expected, actual, whole, noise))
    if not len(wrong):
        return None
    index = tuple(int(i) for i in wrong[0])
    sample = f"sample {rows[index[0]]}: " if spec.is_batched else ""
    return f"{sample}got {actual[index]:.9g} {{what}}, {expected[index]:.9g} in the batch"


def _agrees(expected: Array, actual: Array, whole: Array, noise: float) -> NDArray[np.bool_]:
    if not holds_floats(expected):
        return np.asarray(expected == actual)
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    largest = np.abs(whole[np.isfinite(whole)]).max(initial=0)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        near = np.abs(a - b) <= max(ROUNDING * float(largest), UNSEEN * noise)
    return np.asarray(near | (a == b) | (np.isnan(a) & np.isnan(b)))
