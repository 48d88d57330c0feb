"""A worker's folder on its own machine for parts that go to a store. Its lock ends with the process, so the next worker sees what is left."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "ferry-score-"


@contextmanager
def local_staging() -> Iterator[Path]:
    """Give a new, locked folder in TMPDIR and remove it afterwards; the first one of a process removes those of killed workers. Raises OSError."""
    _sweep(Path(tempfile.gettempdir()))
    folder, descriptor = _make()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _make() -> tuple[Path, int]:
    """Return a folder that is still there once it is locked, and the lock: others may take it for an abandoned one before."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):
            descriptor = _open(folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                folder.stat()
            except BaseException:
                os.close(descriptor)
                raise
            return folder, descriptor


@functools.cache
def _sweep(place: Path) -> None:
    """Remove this user's folders whose owner has ended."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.lstat().st_uid == os.geteuid():
                _remove_abandoned(folder)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder that nobody holds. Raises OSError where somebody does."""
    descriptor = _open(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
