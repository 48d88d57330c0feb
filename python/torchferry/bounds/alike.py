"""Which samples of one set are not in another one, not even but for rounding: a test on the calibration data proves nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Array
from torchferry.bundle.dtype import holds_floats

SAME = 2.0**-14
"""Of the largest magnitude of an input: floats that are no further apart are the same to int8, whose step is 64 times as wide."""


def other_samples(test: Mapping[str, Array], known: Mapping[str, Array]) -> list[int]:
    """Return the indices of the samples of `test` [n, ...] that are not in `known` [m, ...]; both by input, of one shape but for n and m.

    Samples that are alike have sums that are: only those are laid beside each other.
    """
    tolerances = {name: SAME * _largest(array, known[name]) if holds_floats(array) else 0.0 for name, array in test.items()}
    first = next(iter(test))
    sums, known_sums = _sums(test[first]), _sums(known[first])
    order = np.argsort(known_sums)
    slack = tolerances[first] * max(test[first].size // max(len(test[first]), 1), 1) + 2.0**-40 * float(
        np.abs(known_sums).max(initial=0.0)
    )
    starts = np.searchsorted(known_sums[order], sums - slack, side="left")
    ends = np.searchsorted(known_sums[order], sums + slack, side="right")
    return [
        index
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
        if not any(_alike(test, index, known, int(other), tolerances) for other in order[start:end])
    ]


def _alike(
    test: Mapping[str, Array], index: int, known: Mapping[str, Array], other: int, tolerances: Mapping[str, float]
) -> bool:
    return all(
        np.array_equal(array[index], known[name][other])
        or (tolerances[name] > 0 and bool((np.abs(_wide(array[index]) - _wide(known[name][other])) <= tolerances[name]).all()))
        for name, array in test.items()
    )


def _largest(*arrays: Array) -> float:
    return max((float(np.abs(_wide(array)).max(initial=0.0)) for array in arrays), default=0.0)


def _sums(array: Array) -> NDArray[np.float64]:
    """Return the sum of each sample [n]."""
    return np.asarray(_wide(array).sum(axis=tuple(range(1, array.ndim))))


def _wide(array: Array) -> NDArray[np.float64]:
    return array.astype(np.float64)
