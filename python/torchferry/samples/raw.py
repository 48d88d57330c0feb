"""Raw binary (`--input-format raw`): little-endian values of the contract's dtype and shape, one sample after the other.

The C++ twin is cpp/cli/raw_input.cpp (FORMAT.md section 10).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from torchferry.bundle import npy
from torchferry.bundle.contract import Array, TensorSpec
from torchferry.bundle.dtype import numpy_dtype, size_of
from torchferry.errors import ExitCode, FerryError


def read_raw(stream: BinaryIO, spec: TensorSpec, batch: int | None, *, where: str) -> Iterator[Array]:
    """Return batches [n, ...] of at most `batch` samples (None: of all), or the only array of an input without a batch.

    Raises FerryError(BAD_INPUT) for a part of a sample: at once where the file says its size, else at its end.
    """
    shape = spec.shape[1:] if spec.is_batched else spec.shape
    sizes = tuple(dim for dim in shape if isinstance(dim, int))
    sample_bytes = math.prod(sizes) * size_of(spec.dtype)
    if len(sizes) != len(shape) or not sample_bytes:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: got raw values, expected .npy: raw values say no shape, and {spec.name} is {spec.describe()}",
        )
    left = npy.bytes_left(stream)
    if left is not None:
        _require_whole(left, sample_bytes, spec, where)
    return _batches(stream, spec, sizes, -1 if batch is None else batch * sample_bytes, sample_bytes, where)


def _batches(
    stream: BinaryIO, spec: TensorSpec, sizes: tuple[int, ...], wanted: int, sample_bytes: int, where: str
) -> Iterator[Array]:
    taken = 0
    while data := stream.read(wanted if spec.is_batched else sample_bytes + 1):  # -1: all
        taken += len(data)
        _require_whole(taken, sample_bytes, spec, where)
        values = np.frombuffer(data, numpy_dtype(spec.dtype).newbyteorder("<")).astype(numpy_dtype(spec.dtype), copy=False)
        yield values.reshape((-1, *sizes) if spec.is_batched else sizes)
    if not taken and not spec.is_batched:
        _require_whole(taken, sample_bytes, spec, where)


def _require_whole(found: int, sample_bytes: int, spec: TensorSpec, where: str) -> None:
    if found % sample_bytes or (not spec.is_batched and found != sample_bytes):
        wanted = f"a multiple of {sample_bytes}" if spec.is_batched else f"{sample_bytes}"
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: raw: got {found} bytes, expected {wanted} for {spec.name} {spec.describe()}; is the file whole and of that dtype?",
        )
