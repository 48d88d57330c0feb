"""A contract made ready for calls of some microseconds: what plainly fits passes here, in a tenth of the time of the full checks.

Nothing is refused here. What does not plainly fit goes to `check_inputs` and `check_outputs`, which say what is wrong with it, or that
nothing is. cpp/src/contract.cpp has the same two ways.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from torchferry.bundle.call_checks import FEW_NUMBERS, check_inputs, check_outputs
from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec
from torchferry.bundle.dtype import numpy_dtype


class _Row(NamedTuple):
    """One tensor [N, ...] or of a fixed shape: what is compared in a call."""

    name: str
    dtype: np.dtype[np.generic]
    is_batched: bool
    sizes: tuple[int, ...]  # the shape behind the batch
    is_finite: bool  # every element has to be


class FastChecks:
    """The checks of one contract's calls."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        has_indices = any(spec.range is not None and spec.dtype in ("int32", "int64") for spec in contract.inputs)
        self._inputs = None if has_indices else _rows(contract.inputs)
        self._outputs = _rows(contract.outputs)
        batch = contract.symbols.get(BATCH)
        self._least = 0 if batch is None else batch.min
        self._most = math.inf if batch is None or batch.max is None else batch.max

    def inputs(self, tensors: Mapping[str, Array]) -> Mapping[str, int]:
        """Check a call's inputs [N, ...] and return the value of each symbol, as `check_inputs`. Raises FerryError(BAD_INPUT)."""
        if self._inputs is not None and (sizes := self._fit(self._inputs, tensors, {})) is not None:
            return sizes
        return check_inputs(self._contract, tensors)

    def outputs(self, tensors: Mapping[str, Array], sizes: Mapping[str, int]) -> None:
        """Check a call's outputs [N, ...], as `check_outputs`. Raises FerryError(MISMATCH)."""
        if self._outputs is None or self._fit(self._outputs, tensors, sizes) is None:
            check_outputs(self._contract, tensors, sizes)

    def _fit(self, rows: tuple[_Row, ...], tensors: Mapping[str, Array], sizes: Mapping[str, int]) -> Mapping[str, int] | None:
        """Return the value of each symbol where every tensor plainly fits, else None."""
        if len(tensors) != len(rows):
            return None
        batch = sizes.get(BATCH)
        for name, dtype, is_batched, wanted, is_finite in rows:
            tensor = tensors.get(name)
            if tensor is None or tensor.dtype != dtype:
                return None
            shape = tensor.shape
            if is_batched:
                if shape[1:] != wanted or not shape:
                    return None
                batch = shape[0] if batch is None else batch
                if shape[0] != batch:
                    return None
            elif shape != wanted:
                return None
            if is_finite and not _plainly_finite(tensor):
                return None
        if batch is None:
            return {}
        return {BATCH: batch} if self._least <= batch <= self._most else None


def _rows(specs: tuple[TensorSpec, ...]) -> tuple[_Row, ...] | None:
    """Return what is compared; None for specs with another symbol than the batch, or of bools, whose bytes have to be looked at."""
    rows = []
    for spec in specs:
        sizes = tuple(dim for dim in spec.shape[spec.is_batched :] if isinstance(dim, int))
        if len(sizes) != len(spec.shape) - spec.is_batched or spec.dtype == "bool":
            return None
        rows.append(_Row(spec.name, numpy_dtype(spec.dtype), spec.is_batched, sizes, spec.is_float and not spec.allow_nonfinite))
    return tuple(rows)


def _plainly_finite(tensor: Array) -> bool:
    """Say whether a sum of all elements is finite: then each is. One that overflows sends its call to the full checks."""
    if tensor.size <= FEW_NUMBERS:
        return math.isfinite(sum(tensor.ravel().tolist()))
    return bool(np.isfinite(tensor).all())
