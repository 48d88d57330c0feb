"""Calls of many threads, joined to larger ones (ferry/batcher.hpp)."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from ctypes import byref, c_void_p

from torchferry.native.arguments import microseconds
from torchferry.native.handle import Handle
from torchferry.native.library import check, libferry
from torchferry.native.tensors import Array, Outputs, in_order, views_of

_NO_LIMIT = -1


class Batcher:
    """A session whose calls are joined. `Bundle.batcher` makes one; many threads may use it at once."""

    def __init__(self, handle: c_void_p) -> None:
        self._handle = Handle(self, handle, "batcher", libferry().ferry_batcher_close)

    def __enter__(self) -> Batcher:
        """Return the batcher itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the batcher."""
        self.close()

    def close(self) -> None:
        """Let no further call begin, run every one that waits, then free the model."""
        self._handle.close()

    def submit(self, inputs: Mapping[str, Array], *, limit: float | None = None) -> Call:
        """Copy the inputs, arrays [N, ...] by name, and return the call, which waits for others to join it.

        A call that has not begun within `limit` seconds fails with UNAVAILABLE. Raises FerryError(UNAVAILABLE) where the queue is full,
        BAD_INPUT for what breaks the contract, USAGE after `close`.
        """
        handle = c_void_p()
        wait = _NO_LIMIT if limit is None else microseconds("limit", limit)
        with self._handle as batcher:
            arrays = in_order(inputs)
            check(libferry().ferry_batcher_submit(batcher, views_of(arrays), len(arrays), wait, byref(handle)))
        return Call(handle)

    def run(self, inputs: Mapping[str, Array], *, limit: float | None = None) -> dict[str, Array]:
        """Submit a call and wait for its outputs [N, ...], in the contract's order. Raises what `submit` and `Call.get` raise."""
        return self.submit(inputs, limit=limit).get()


class Call:
    """A call that waits in a batcher, or is answered."""

    def __init__(self, handle: c_void_p) -> None:
        self._handle = handle
        weakref.finalize(self, libferry().ferry_call_close, handle)

    def get(self) -> dict[str, Array]:
        """Wait for the outputs [N, ...], once. Raises FerryError(UNAVAILABLE) for a call that was cancelled or came too late."""
        outputs = c_void_p()
        check(libferry().ferry_call_get(self._handle, byref(outputs)))
        return Outputs(outputs).arrays()

    def cancel(self) -> None:
        """Take the call back, also while another thread waits for it. Raises FerryError(MISMATCH) where it has begun."""
        check(libferry().ferry_call_cancel(self._handle))
