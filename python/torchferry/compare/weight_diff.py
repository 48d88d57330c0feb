"""Weights of two artifacts against each other, by their names in the state_dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.compare.verdict import differences


@dataclass(frozen=True)
class WeightDiff:
    """One tensor of the layer `layer` that is not the same in both; `problem` where the two cannot be subtracted."""

    layer: str
    tensor: str
    differing: int
    elements: int
    max_abs: float
    problem: str | None = None


@dataclass(frozen=True)
class WeightsDiff:
    """What was compared: how many tensors stand in both, those that differ, and the names that only one has."""

    compared: int
    differing: tuple[WeightDiff, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def diff_weights(first: Mapping[str, Array], second: Mapping[str, Array]) -> WeightsDiff:
    """Compare weights of any shape by name, bit for bit: moving a model rounds nothing."""
    shared = [name for name in first if name in second]
    found = (_diff_tensor(name, first[name], second[name]) for name in shared)
    return WeightsDiff(
        len(shared),
        tuple(diff for diff in found if diff is not None),
        tuple(name for name in first if name not in second),
        tuple(name for name in second if name not in first),
    )


def _diff_tensor(name: str, first: Array, second: Array) -> WeightDiff | None:
    layer, _, tensor = name.rpartition(".")
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        kinds = [f"{array.dtype.name}{list(array.shape)}" for array in (first, second)]
        return WeightDiff(layer, tensor, 0, 0, 0.0, f"got {kinds[1]}, expected {kinds[0]}")
    diff = differences(second, first, allow_nan=True)
    differing = int(np.count_nonzero(diff))
    return WeightDiff(layer, tensor, differing, diff.size, float(diff.max())) if differing else None
