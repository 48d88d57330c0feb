"""Inputs of `predict`: files told by their content, read a batch at a time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np

from torchferry.bundle import npy
from torchferry.bundle.contract import BATCH, Array, Contract, TensorSpec, check_inputs
from torchferry.bundle.printable import quoted
from torchferry.bundle.stored_zip import is_zip
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.csv import read_csv
from torchferry.samples.image import is_image, read_image
from torchferry.samples.npz import read_npz

_BAD = ExitCode.BAD_INPUT


@dataclass(frozen=True)
class SampleSource:
    """Batches of contract inputs; `total` is the number of samples where the files say it."""

    total: int | None
    batches: Iterator[dict[str, Array]]


@contextlib.contextmanager
def open_samples(contract: Contract, arguments: Sequence[str], *, batch: int | None) -> Iterator[SampleSource]:
    """Open `FILE` or `NAME=FILE` arguments, or one `.npz` (`-` is stdin). An empty input gives one empty batch.

    `batch`: the samples of one batch; None: all that there are.

    Raises FerryError(USAGE, IO or BAD_INPUT).
    """
    if batch is not None and batch < 1:
        raise FerryError(ExitCode.USAGE, f"--batch: got {batch}, expected at least 1")
    with contextlib.ExitStack() as stack:
        readers = _open_inputs(contract, arguments, stack, batch)
        totals = {reader.total for reader in readers.values() if reader.total is not None}
        if len(totals) > 1:
            raise FerryError(
                _BAD, "--input: got inputs of different numbers of samples, expected as many in each; cut the longer ones"
            )
        yield SampleSource(min(totals, default=None), _zip(contract, readers))


@dataclass(frozen=True)
class _Input:
    total: int | None
    arrays: Iterator[Array]
    batched: bool


def _open_inputs(
    contract: Contract, arguments: Sequence[str], stack: contextlib.ExitStack, batch: int | None
) -> dict[str, _Input]:
    lone = _lone_file(contract, arguments)
    stream = None if lone is None else _open_file(lone, stack)
    if lone is not None and stream is not None and is_zip(_peek(stream)):
        return _open_npz(contract, stream, _name_of(lone), batch)
    return {
        name: _open_input(contract.input(name), paths, stream or _open_one(paths[0], stack), batch)
        for name, paths in _assign(contract, arguments).items()
    }


def _lone_file(contract: Contract, arguments: Sequence[str]) -> str | None:
    """Return the only argument, where it has no NAME: it may hold every input."""
    if len(arguments) != 1:
        return None
    name, equals, _ = arguments[0].partition("=")
    names = [spec.name for spec in contract.inputs]
    return None if equals and (len(names) > 1 or name in names) else arguments[0]


def _assign(contract: Contract, arguments: Sequence[str]) -> dict[str, list[str]]:
    names = [spec.name for spec in contract.inputs]
    files: dict[str, list[str]] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or name not in names:
            if len(names) != 1:
                raise FerryError(
                    ExitCode.USAGE,
                    f"--input: got {quoted(argument)}, expected NAME=FILE with NAME one of {', '.join(names)}, or one .npz alone",
                )
            name, path = names[0], argument
        files.setdefault(name, []).append(path)
    if sum(path == "-" for paths in files.values() for path in paths) > 1:
        raise FerryError(ExitCode.USAGE, "--input: got - (stdin) more than once, expected it once")
    missing = [name for name in names if name not in files]
    if missing:
        raise FerryError(ExitCode.USAGE, f"--input: got no file for {missing[0]}, expected one for each of {', '.join(names)}")
    return files


def _open_input(spec: TensorSpec, paths: list[str], first: BinaryIO, batch: int | None) -> _Input:
    if is_image(_peek(first)):
        return _Input(len(paths), _images(spec, paths, first, batch), batched=True)
    if len(paths) > 1:
        raise FerryError(
            ExitCode.USAGE,
            f"--input: got {len(paths)} files for {spec.name}, expected one; only images are put together to a batch",
        )
    if _peek(first).startswith(npy.MAGIC):
        return _open_npy(spec, first, _name_of(paths[0]), batch)
    return _Input(None, read_csv(first, spec, where=_name_of(paths[0]), batch=batch), batched=True)


def _open_file(path: str, stack: contextlib.ExitStack) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(open(path, "rb"))  # noqa: PTH123 (Path("") would be the working folder)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{_name_of(path)}: got {error.strerror}, expected a readable file; check the path and its permissions"
        ) from None


def _name_of(path: str) -> str:
    """Return what messages call it."""
    return "stdin" if path == "-" else path or "''"


def _open_one(path: str, stack: contextlib.ExitStack) -> BinaryIO:
    """Return a file of one input."""
    stream = _open_file(path, stack)
    if is_zip(_peek(stream)):
        raise FerryError(
            ExitCode.USAGE,
            f"--input: got {path}, an .npz, with a NAME or a second file, expected it alone: it names every input itself; "
            f"write --input {path}",
        )
    return stream


def _peek(stream: BinaryIO) -> bytes:
    return cast(bytes, stream.peek(16)[:16])  # type: ignore[attr-defined]  # every stream here is a BufferedReader


def _images(spec: TensorSpec, paths: list[str], first: BinaryIO, batch: int | None) -> Iterator[Array]:
    """Yield the images; where height and width are symbols, the first image fixes them."""
    rows: list[Array] = []
    for index, path in enumerate(paths):
        with contextlib.ExitStack() as stack:
            image = read_image(first if index == 0 else _open_one(path, stack), spec, where=_name_of(path))
        spec = spec.model_copy(update={"shape": (BATCH, *image.shape[1:])})
        rows.append(image)
        if len(rows) == batch or index == len(paths) - 1:
            yield np.concatenate(rows)
            rows = []


def _open_npz(contract: Contract, stream: BinaryIO, where: str, batch: int | None) -> dict[str, _Input]:
    files = read_npz(stream, [spec.name for spec in contract.inputs], where=where)
    return {name: _open_npy(contract.input(name), file, f"{where}: {name}.npy", batch) for name, file in files.items()}


def _open_npy(spec: TensorSpec, stream: BinaryIO, where: str, batch: int | None) -> _Input:
    header = npy.read_header(stream, where=where, code=_BAD)
    _check_header(spec, header, where)
    left = npy.bytes_left(stream)
    if left is not None:
        npy.check_size(header, left, where=where, code=_BAD)
    if not spec.shape or spec.shape[0] != BATCH:
        return _Input(None, _npy_rows(stream, header, (header.shape[0],) if header.shape else (1,), where), batched=False)
    count = header.shape[0]
    step = batch or max(count, 1)
    sizes = tuple(min(step, count - start) for start in range(0, count, step)) or (0,)  # no rows are a batch with a shape too
    return _Input(count, _npy_rows(stream, header, sizes, where), batched=True)


def _check_header(spec: TensorSpec, header: npy.Header, where: str) -> None:
    """Hold dtype and shape to the contract before any data is read; a batch of none stands for the data."""
    fits = len(header.shape) == len(spec.shape) and all(
        isinstance(dim, str) or dim == got for got, dim in zip(header.shape, spec.shape, strict=True)
    )
    if header.dtype.name != spec.dtype or not fits:
        got = f"{header.dtype.name}{header.shape_text}"
        raise FerryError(_BAD, f"{where}: {spec.name}: got {got}, expected {spec.describe()}; convert it with numpy")


def _npy_rows(stream: BinaryIO, header: npy.Header, sizes: Sequence[int], where: str) -> Iterator[Array]:
    before = 0
    for left, size in zip(reversed(range(len(sizes))), sizes, strict=True):
        wanted = size * header.row_bytes if header.shape else header.data_bytes
        data = stream.read(wanted)
        if len(data) != wanted:
            npy.check_size(header, before + len(data), where=where, code=_BAD)
        before += wanted
        if left == 0 and stream.read(1):  # before the last batch is given away
            raise FerryError(_BAD, f"{where}: data: got bytes after the last row, expected the end for shape {header.shape_text}")
        yield np.frombuffer(data, header.dtype).reshape((size, *header.shape[1:]) if header.shape else ())


def _zip(contract: Contract, readers: Mapping[str, _Input]) -> Iterator[dict[str, Array]]:
    fixed = {name: next(reader.arrays) for name, reader in readers.items() if not reader.batched}
    streams = {name: reader.arrays for name, reader in readers.items() if reader.batched}
    empty = True
    while streams or empty:
        rows = {name: next(stream, None) for name, stream in streams.items()}
        if all(row is None for row in rows.values()):
            break
        batch = {**fixed, **{name: row for name, row in rows.items() if row is not None}}
        check_inputs(contract, batch)
        yield batch
        empty = False
    if empty:
        yield {**fixed, **{name: _no_rows(contract.input(name)) for name in streams}}


def _no_rows(spec: TensorSpec) -> Array:
    return np.empty([0 if isinstance(dim, str) else dim for dim in spec.shape], dtype=spec.dtype)
