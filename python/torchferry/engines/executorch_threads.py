"""Threads of ExecuTorch: one means the caller's own; more come from its pool, of which a process has one.

Delegates keep a pointer to the pool, so that its size stays while a model uses it; cpp/engines/executorch.cpp does the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import weakref
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torchferry.errors import ExitCode, FerryError

# bool NoThreadPoolGuard::is_enabled() and void NoThreadPoolGuard::set_enabled(bool), for the calling thread; threadpool_guard.h of the wheel.
_GUARD = "_ZN10executorch9extension10threadpool17NoThreadPoolGuard"
_LOCK = threading.Lock()
_pool_users: weakref.WeakSet[Threads] = weakref.WeakSet()


class Threads:
    """The number of threads of one model."""

    def __init__(self, runtime: Any, count: int) -> None:
        """Take the pool of threads. Raises FerryError(UNAVAILABLE) where an open model uses one of another size."""
        self._guard = _find_guard() if count == 1 else None
        if self._guard is None:
            self._take_pool(runtime, count)

    @contextlib.contextmanager
    def use(self) -> Iterator[None]:
        """Hold the number of threads for the calling thread inside the block."""
        if self._guard is None:
            yield
            return
        before = self._guard[f"{_GUARD}10is_enabledEv"]()
        self._guard[f"{_GUARD}11set_enabledEb"](True)
        try:
            yield
        finally:
            self._guard[f"{_GUARD}11set_enabledEb"](before)

    def _take_pool(self, runtime: Any, count: int) -> None:
        with _LOCK:
            size = runtime._threadpool_get_thread_count()
            if size != count and len(_pool_users) > 0:
                raise FerryError(
                    ExitCode.UNAVAILABLE,
                    f"--threads: got {count}, expected 1 or {size}: ExecuTorch has one thread pool per process, and an open session uses it",
                )
            if size != count:
                runtime._unsafe_reset_threadpool(count)
            _pool_users.add(self)


def _find_guard() -> ctypes.CDLL | None:
    spec = find_spec("executorch")
    for folder in spec.submodule_search_locations or [] if spec is not None else []:
        path = Path(folder) / "lib" / "libexecutorch_threadpool.so"
        if path.exists():
            library = ctypes.CDLL(str(path))
            with contextlib.suppress(AttributeError):
                library[f"{_GUARD}10is_enabledEv"].restype = ctypes.c_bool
                library[f"{_GUARD}11set_enabledEb"].argtypes = [ctypes.c_bool]
                return library
    return None
