"""`.npz` files as `numpy.savez` writes them: every input of the contract by its name. The C++ twin is cpp/cli/npz_input.cpp."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO

from torchferry.bundle import npy
from torchferry.bundle.stored_zip import entry_refusal, read_entries
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_NPZ_BYTES

_PIECE_BYTES = 1 << 20


def read_npz(stream: BinaryIO, names: Sequence[str], *, where: str) -> dict[str, io.BytesIO]:
    """Read one `.npy` entry per input; extra entries are an error. Raises FerryError(BAD_INPUT)."""
    try:
        entries = read_entries(memoryview(_read_whole(stream)))
        _require_names(list(entries), [f"{name}.npy" for name in names])
    except ValueError as error:
        raise FerryError(ExitCode.BAD_INPUT, f"{where}: {error}; write it with numpy.savez") from None
    return {name: io.BytesIO(entries[f"{name}.npy"]) for name in names}


def _read_whole(stream: BinaryIO) -> bytearray:
    """Memory grows with the bytes that are there. Raises ValueError."""
    data = bytearray()
    is_too_long = (npy.bytes_left(stream) or 0) > MAX_NPZ_BYTES
    while not is_too_long and (piece := stream.read(_PIECE_BYTES)):
        data += piece
        is_too_long = len(data) > MAX_NPZ_BYTES
    if is_too_long:
        raise ValueError(f"size: got more than {MAX_NPZ_BYTES} bytes, expected fewer, or NAME=FILE.npy for each input")
    return data


def _require_names(got: list[str], expected: list[str]) -> None:
    for name in got:
        if name not in expected:
            raise entry_refusal(name, "a name that is no input", ", ".join(expected))
    missing = [name for name in expected if name not in got]
    if missing:
        raise ValueError(f"got no entry {', '.join(missing)}, expected {', '.join(expected)}")
