"""`.npy` files as batches of one input, a part at a time. The C++ twin is cpp/cli/npy_input.cpp."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from torchferry.bundle import npy
from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError

_BAD = ExitCode.BAD_INPUT


def read_npy(
    stream: BinaryIO, spec: TensorSpec, batch: int | None, *, where: str, rows: range | None = None
) -> tuple[int | None, Iterator[Array]]:
    """Return the number of samples and batches [n, ...] of at most `batch` (None: of all); None and the array without a batch.

    `rows`: those samples only, of a file in which one can seek.
    Raises FerryError(BAD_INPUT) for another dtype or shape than the contract's, and for data that do not fit the header.
    """
    header = npy.read_header(stream, where=where, code=_BAD)
    _check_header(spec, header, where)
    left = npy.bytes_left(stream)
    if left is not None:
        npy.check_size(header, left, where=where, code=_BAD)
    if not spec.is_batched:
        return None, _npy_rows(stream, header, (header.shape[0],) if header.shape else (1,), where)
    count = header.shape[0]
    step = batch or max(count, 1)
    if rows is not None:
        if rows.stop > count:
            raise FerryError(
                _BAD, f"{where}: got {count or 'no'} samples, expected at least {rows.stop}; is this the right file?"
            )
        stream.seek(rows.start * header.row_bytes, os.SEEK_CUR)
        return len(rows), _npy_rows(stream, header, _sizes(len(rows), step), where, is_end=rows.stop == count)
    return count, _npy_rows(stream, header, _sizes(count, step), where)


def _sizes(count: int, step: int) -> tuple[int, ...]:
    return tuple(min(step, count - start) for start in range(0, count, step)) or (0,)  # no rows are a batch with a shape too


def _check_header(spec: TensorSpec, header: npy.Header, where: str) -> None:
    """Hold dtype and shape to the contract before any data is read; a batch of none stands for the data."""
    fits = len(header.shape) == len(spec.shape) and all(
        isinstance(dim, str) or dim == got for got, dim in zip(header.shape, spec.shape, strict=True)
    )
    if header.dtype.name != spec.dtype or not fits:
        got = f"{header.dtype.name}{header.shape_text}"
        raise FerryError(_BAD, f"{where}: {spec.name}: got {got}, expected {spec.describe()}; convert it with numpy")


def _npy_rows(stream: BinaryIO, header: npy.Header, sizes: Sequence[int], where: str, *, is_end: bool = True) -> Iterator[Array]:
    before = 0
    for left, size in zip(reversed(range(len(sizes))), sizes, strict=True):
        wanted = size * header.row_bytes if header.shape else header.data_bytes
        data = stream.read(wanted)
        if len(data) != wanted:
            npy.check_size(header, before + len(data), where=where, code=_BAD)
        before += wanted
        if left == 0 and is_end and stream.read(1):  # before the last batch is given away
            raise FerryError(_BAD, f"{where}: data: got bytes after the last row, expected the end for shape {header.shape_text}")
        yield np.frombuffer(data, header.dtype).reshape((size, *header.shape[1:]) if header.shape else ())
