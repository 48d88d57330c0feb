"""Files of users as samples of a bundle's inputs (FORMAT.md section 10), read by libferry_samples."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from ctypes import byref, c_void_p

from torchferry.native.arguments import whole
from torchferry.native.library import check, libferry
from torchferry.native.tensors import Array, Outputs


class Samples:
    """The samples of some files, in their order. `Bundle.samples` makes one; threads that read at once get samples in turn."""

    def __init__(self, handle: c_void_p) -> None:
        self._handle = handle
        self._one_at_a_time = threading.Lock()
        weakref.finalize(self, libferry().ferry_samples_close, handle)

    def read(self, count: int) -> dict[str, Array] | None:
        """Return the next `count` samples [n, ...] of each input, or those that are left; None at the end.

        Raises FerryError(BAD_INPUT) for a sample that breaks the contract, with its place in its file, and IO.
        """
        inputs = c_void_p()
        wanted = whole("count", count, bits=63)
        with self._one_at_a_time:
            check(libferry().ferry_samples_read(self._handle, wanted, byref(inputs)))
        return Outputs(inputs).arrays() if inputs else None

    def batches(self, count: int) -> Iterator[dict[str, Array]]:
        """Yield the inputs of one call [n, ...] after the other, `count` samples each, until none is left. Raises what `read` raises."""
        while (inputs := self.read(count)) is not None:
            yield inputs
