"""Seeded random inputs inside a contract, for modules without real goldens and for trying other shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from typing_extensions import assert_never

from torchferry.bundle.contract import BATCH, Array, SymbolRange, TensorSpec
from torchferry.bundle.dtype import family, numpy_dtype

BATCH_SIZE = 64
LEAST = 4
MOST_NUMBERS = 2**19
"""Of the inputs of a batch: 64 images of 224 x 224 would make an export ten times as slow, and prove little that four do not."""
_SIZES = (11, 13, 17, 19, 23)  # of symbols other than the batch: all different, so that an output's dims can be told apart
_INTEGER_RANGE = (0, 9)  # where a contract gives no range: small enough to be an index into most things


def few_samples(specs: tuple[TensorSpec, ...], symbols: Mapping[str, SymbolRange]) -> int:
    """Return how many samples are drawn: 64, or of large inputs as many as have MOST_NUMBERS, at least 4."""
    sizes = default_sizes(symbols, batch=1)
    numbers = sum(
        math.prod(dim if isinstance(dim, int) else sizes[dim] for dim in spec.shape[1:]) for spec in specs if spec.is_batched
    )
    return max(LEAST, min(BATCH_SIZE, MOST_NUMBERS // max(numbers, 1)))


def default_sizes(symbols: Mapping[str, SymbolRange], *, batch: int = BATCH_SIZE) -> dict[str, int]:
    """Return a size for each symbol inside its limits."""
    others = [symbol for symbol in symbols if symbol != BATCH]
    wanted = {BATCH: batch, **{symbol: _SIZES[index % len(_SIZES)] + index for index, symbol in enumerate(others)}}
    return {symbol: clipped(wanted[symbol], limits) for symbol, limits in symbols.items()}


def clipped(size: int, limits: SymbolRange) -> int:
    """Return the allowed size next to `size`."""
    return max(limits.min, size if limits.max is None else min(size, limits.max))


def synthetic_inputs(specs: tuple[TensorSpec, ...], sizes: Mapping[str, int], *, seed: int) -> dict[str, Array]:
    """Draw one array in the shape of each spec, inside its range: floats are normal without one, uniform in one."""
    random = np.random.default_rng(seed)
    return {spec.name: _values(spec, sizes, random) for spec in specs}


def _values(spec: TensorSpec, sizes: Mapping[str, int], random: np.random.Generator) -> Array:
    shape = [dim if isinstance(dim, int) else sizes[dim] for dim in spec.shape]
    found = family(spec.dtype)
    match found:
        case "bool":
            return np.asarray(random.integers(0, 2, shape).astype(bool))
        case "float":
            values = random.normal(size=shape) if spec.range is None else random.uniform(*spec.range, shape)
            return np.asarray(values.astype(numpy_dtype(spec.dtype)))
        case "integer":
            low, high = _integer_range(spec)
            return np.asarray(random.integers(low, high, shape, dtype=np.int64, endpoint=True).astype(spec.dtype))
    assert_never(found)


def _integer_range(spec: TensorSpec) -> tuple[int, int]:
    if spec.range is not None:
        return int(np.ceil(spec.range[0])), int(np.floor(spec.range[1]))
    return (0, 255) if spec.dtype == "uint8" else _INTEGER_RANGE
