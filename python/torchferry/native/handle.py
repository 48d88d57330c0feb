"""A handle of libferry's that one thread may close while others use it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from ctypes import c_void_p

from torchferry.errors import ExitCode, FerryError


class Handle:
    """Counts the calls that use a handle: it is freed when it was closed and the last of them has ended, or with its owner.

    `with handle as pointer:` is one call. Nobody waits for another thread, so a signal's handler may close what it interrupted.
    """

    def __init__(self, owner: object, pointer: c_void_p, what: str, close: Callable[[c_void_p], None]) -> None:
        self._pointer = pointer
        self._what = what
        self._free = weakref.finalize(owner, close, pointer)
        self._lock = threading.RLock()
        self._users = 0
        self._closed = False

    def __enter__(self) -> c_void_p:
        """Return the pointer, which lives until `__exit__`. Raises FerryError(USAGE) after `close`."""
        with self._lock:
            self._users += 1
            if not self._closed:
                return self._pointer
        self.__exit__()
        raise FerryError(ExitCode.USAGE, f"{self._what}: got one that was closed, expected an open one")

    def __exit__(self, *_: object) -> None:
        """End one call."""
        with self._lock:
            self._users -= 1
        self._free_unused()

    def close(self) -> None:
        """Let no further call begin, and free the handle, or leave that to the last call that runs."""
        self._closed = True
        self._free_unused()

    def _free_unused(self) -> None:
        with self._lock:
            unused = self._closed and self._users == 0
        if unused:
            self._free()
