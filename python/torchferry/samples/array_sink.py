"""Outputs of `predict` as arrays: one `.npy` file an output, or one `.npz` of all. The C++ twins are cpp/cli/npy_output.cpp and npz_output.cpp."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from torchferry.bundle import npy
from torchferry.bundle.contract import Array
from torchferry.samples.zip_file import write_stored


class NpyFile:
    """One growing array, whose first rows say the shape. `total`: how many rows come; None: known last.

    Then the header is written again at the end, or, where `stream` cannot go back, the rows wait in `spool`.
    """

    def __init__(self, stream: BinaryIO, *, batched: bool, total: int | None, spool: BinaryIO | None = None) -> None:
        self._stream, self._batched, self._total, self._spool = stream, batched, total, spool
        self._first: Array | None = None
        self._rows = 0

    @property
    def count(self) -> int:
        """How many samples it has."""
        return self._rows if self._batched else int(self._first is not None)

    def append(self, rows: Array) -> None:
        """Append rows [n, ...], or the array of an output without a batch."""
        if self._first is None:
            self._first = rows
            if self._spool is None:
                self._stream.write(self._header(rows, self._total or 0))
        self._rows += len(rows) if self._batched else 0
        (self._spool or self._stream).write(rows.tobytes())

    def finish(self) -> None:
        """Write the row count."""
        if self._first is not None and self._batched and self._total is None:
            if self._spool is None:
                self._stream.seek(0)
            self._stream.write(self._header(self._first, self._rows))
        if self._spool is not None:
            self._spool.seek(0)
            shutil.copyfileobj(self._spool, self._stream)
        self._stream.flush()

    def _header(self, rows: Array, count: int) -> bytes:
        return npy.header_bytes(rows.dtype, (count, *rows.shape[1:]) if self._batched else rows.shape)


class NpySink:
    """A `.npy` file for each output, by its name."""

    def __init__(self, files: Mapping[str, NpyFile]) -> None:
        self._files = files

    @property
    def count(self) -> int:
        """How many answers were written."""
        return min(file.count for file in self._files.values())

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:  # noqa: ARG002 (refused before)
        """Append one batch of outputs [N, ...] by name."""
        for name, file in self._files.items():
            file.append(outputs[name])

    def finish(self) -> None:
        """Make all files whole before the first appears."""
        for file in self._files.values():
            file.finish()


class NpzSink(NpySink):
    """One `.npz` of all outputs: each grows in a file of its own, because the entries follow each other in the archive."""

    def __init__(self, stream: BinaryIO, spools: Mapping[str, BinaryIO], *, batched: bool) -> None:
        super().__init__({name: NpyFile(spool, batched=batched, total=None) for name, spool in spools.items()})
        self._stream, self._spools = stream, spools

    def finish(self) -> None:
        """Put the arrays together."""
        super().finish()
        write_stored(self._stream, {f"{name}.npy": spool for name, spool in self._spools.items()})
        self._stream.flush()
