"""What the self-test replays: the first goldens, and some of them with other zeros where the goldens leave code or weights unused.

An image that is mostly background goes through the code that skips zeros, and the weights of its corners could be anything; a
measurement without a zero goes through the other code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Contract, TensorSpec

Array = NDArray[Any]
GOLDENS = 4
KEPT = 4  # of so many values a sample that gets zeros keeps one
SPARSE = 8  # the code looks for zeros where at least one of so many values is zero (kernels/gather_*.c)


@dataclass(frozen=True)
class SelftestSamples:
    """Samples [count, ...] by input; at least as many as a batch has rows. `about` says in words what they are."""

    arrays: Mapping[str, Array]
    about: str


def selftest_samples(contract: Contract, goldens: Mapping[str, Array], *, batch_rows: int, skips_zeros: bool) -> SelftestSamples:
    """Choose the samples of the self-test from the goldens [N, ...]."""
    count = min(GOLDENS, len(next(iter(goldens.values()))))
    real = _cycled({spec.name: np.asarray(goldens[spec.name])[:count] for spec in contract.inputs}, max(count, batch_rows))
    parts, words = [real], [f"{count} goldens" + (f", repeated up to {_count(real)}" if _count(real) > count else "")]
    if any((array == 0).any() for array in real.values()):
        # As many as a batch has, since four samples are computed together only where none of the four is sparse.
        filled = _cycled(real, batch_rows)
        parts.append({spec.name: _filled(spec, filled[spec.name]) for spec in contract.inputs})
        words.append(f"{batch_rows} of them with other values for their zeros")
    if skips_zeros and not _some_sample_is_sparse(real):
        thinned = {spec.name: _thinned(spec, real[spec.name][:1]) for spec in contract.inputs}
        if _some_sample_is_sparse(thinned):
            parts.append(thinned)
            words.append("1 of them with zeros for most of its values")
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in real}
    return SelftestSamples(arrays, f"{_count(arrays)} samples: {'; '.join(words)}")


def _count(arrays: Mapping[str, Array]) -> int:
    return len(next(iter(arrays.values())))


def _cycled(arrays: Mapping[str, Array], count: int) -> dict[str, Array]:
    return {name: array[np.arange(count) % len(array)] for name, array in arrays.items()}


def _some_sample_is_sparse(arrays: Mapping[str, Array]) -> bool:
    flat = [array.reshape(len(array), -1) for array in arrays.values()]
    return any(((rows == 0).sum(axis=1) * SPARSE >= rows.shape[1]).any() for rows in flat)


def _filled(spec: TensorSpec, array: Array) -> Array:
    """Zeros replaced by the sample's other values in turn, which lie inside the contract's range."""
    filled = array.copy()
    for row in filled.reshape(len(filled), -1):
        zeros = row == 0
        others = row[~zeros] if not zeros.all() else np.array([_largest(spec)]).astype(array.dtype)
        row[zeros] = np.resize(others, zeros.sum())
    return filled


def _largest(spec: TensorSpec) -> float:
    low, high = spec.range or (0.0, 1.0)
    return high if high != 0 else low


def _thinned(spec: TensorSpec, array: Array) -> Array:
    """All but every fourth value zero, if the contract's range holds zero."""
    low, high = spec.range or (0.0, 0.0)
    if not low <= 0 <= high:
        return array
    thinned = array.copy()
    flat = thinned.reshape(len(thinned), -1)
    flat[:, np.arange(flat.shape[1]) % KEPT != 0] = 0
    return thinned
