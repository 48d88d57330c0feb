"""Calibration: the range of every float32 value of a graph over training data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.cgen import reference
from torchferry.cgen.ir import Graph
from torchferry.cgen.scales import Range
from torchferry.cgen.values import Array, Value
from torchferry.errors import ExitCode, FerryError

CHUNK = 512  # samples at a time, so that memory does not grow with the data


def calibrate(graph: Graph, contract: Contract, data: Mapping[str, Array]) -> dict[Value, Range]:
    """Return the range of every float32 value of the graph on calibration data [N, ...].

    Computed with the definition of the float32 model, so that every machine finds the same ranges. Raises
    FerryError(BAD_INPUT) where data are missing, constant, not finite or not what the contract says.
    """
    arrays = _checked(contract, data)
    count = len(next(iter(arrays.values())))
    ranges: dict[Value, Range] = {}
    for start in range(0, count, CHUNK):
        values = reference.run_all(graph, {name: array[start : start + CHUNK] for name, array in arrays.items()})
        for value, array in values.items():
            if array.dtype == np.float32:
                seen = _range_of(value, array)
                ranges[value] = seen.joined(ranges.get(value, seen))
    return ranges


def _range_of(value: Value, array: Array) -> Range:
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise _refuse(f"{value.name}: got NaN or infinity inside the network", "training data on which the model gives numbers")
    return Range(low, high)


def _checked(contract: Contract, data: Mapping[str, Array]) -> dict[str, Array]:
    names = [spec.name for spec in contract.inputs]
    unknown = sorted(set(data) - set(names))
    if unknown:
        raise _refuse(f"got an input named {unknown[0]!r}", f"only {', '.join(names)}")
    arrays = {spec.name: np.asarray(data.get(spec.name, ())) for spec in contract.inputs}
    for spec in contract.inputs:
        _check(spec, arrays[spec.name])
    counts = {len(array) for array in arrays.values()}
    if len(counts) > 1:
        raise _refuse(f"got {' and '.join(map(str, sorted(counts)))} samples", "as many of each input")
    return arrays


def _check(spec: TensorSpec, array: Array) -> None:
    if array.size == 0:
        raise _refuse(f"{spec.name}: got no data", "samples of the training data")
    if (str(array.dtype), array.shape[1:]) != (spec.dtype, spec.shape[1:]):
        got = f"{array.dtype}[{','.join(map(str, array.shape))}]"
        raise _refuse(f"{spec.name}: got {got}", spec.describe())
    if not np.isfinite(array).all():
        raise _refuse(f"{spec.name}: got NaN or infinity", "finite numbers")
    if array.min() == array.max():
        raise _refuse(f"{spec.name}: got the constant {array.flat[0]}", "numbers that vary")


def _refuse(got: str, expected: str) -> FerryError:
    return FerryError(ExitCode.BAD_INPUT, f"c-int8: calibration: {got}, expected {expected}; pass samples of the training data")
