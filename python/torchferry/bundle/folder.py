"""A bundle's folder, held by its descriptor: what is read through it is one bundle, also while a writer replaces it.

cpp/src/folder.cpp is its twin. A shared lock on the descriptor tells writers to leave the folder where it is, under another name,
until nobody reads it any more (FORMAT.md section 1).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from torchferry.errors import ExitCode, FerryError

_ATTEMPTS = 1000  # each is a replacement by a writer
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def set_aside(target: Path) -> Path:
    """Return where the old bundle stands for the moment in which a writer without an exchange puts a new one in its place."""
    return target.with_name(f".{target.name}.ferry-old")


class Folder:
    """The folder that stood at `path` when it was opened; closed when nobody refers to it. Raises FerryError(IO)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _hold(path)
        weakref.finalize(self, os.close, self._descriptor)

    def open(self, path: str) -> BinaryIO:
        """Open a regular file; never waits on a pipe. Raises FerryError: INTEGRITY for a link in any part of `path`, IO."""
        try:
            descriptor = self._descend(path, os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):  # a link, a file in a folder's place, a socket
                raise self._not_regular(path) from None
            raise FerryError(
                ExitCode.IO, f"{self.path / path}: got {error.strerror}, expected a readable file; check its permissions"
            ) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._not_regular(path)
        return cast(BinaryIO, os.fdopen(descriptor, "rb"))

    def has(self, path: str) -> bool:
        """Say whether anything has this name in the folder. What cannot be looked at is there: opening it says why."""
        try:
            os.stat(path, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file by relative path. Raises FerryError: INTEGRITY for what is no regular file, IO."""
        found: dict[str, int] = {}
        pending = [""]  # a list of folders instead of recursion, so that no depth exhausts the stack
        while pending:
            prefix = pending.pop()
            for name, status in self._scan(prefix):
                path = prefix + name
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path + "/")
                elif stat.S_ISREG(status.st_mode):
                    found[path] = status.st_size
                else:
                    raise self._not_regular(path)
        return found

    def _scan(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        try:
            descriptor = self._descend(prefix + ".", os.O_DIRECTORY)
            try:
                entries = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(descriptor)]
            finally:
                os.close(descriptor)
        except OSError as error:
            raise FerryError(
                ExitCode.IO,
                f"{self.path / prefix}: got {error.strerror}, expected a readable folder; check its permissions",
            ) from None
        return iter(sorted(entries, key=lambda entry: entry[0]))

    def _descend(self, path: str, flags: int) -> int:
        """Open `path` part by part without following a link. Raises OSError."""
        at = os.dup(self._descriptor)
        *folders, last = path.split("/")
        for name, added in [*((name, os.O_NOFOLLOW | os.O_DIRECTORY) for name in folders), (last, flags)]:
            above = at
            try:
                at = os.open(name, _FLAGS | added, dir_fd=above)
            finally:
                os.close(above)
        return at

    def _not_regular(self, path: str) -> FerryError:
        return FerryError(
            ExitCode.INTEGRITY,
            f"{self.path / path}: got a link or special file, expected a regular file; copy the bundle with its files",
        )


def _hold(path: Path) -> int:
    """Open the folder and lock it, again where a writer replaced it meanwhile."""
    for _ in range(_ATTEMPTS):
        descriptor = _open_folder(path)
        with contextlib.suppress(OSError):  # a file system without locks, or one that is being removed: seen below
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if _stands_at(descriptor, path):
            return descriptor
        os.close(descriptor)
    raise FerryError(
        ExitCode.IO, f"{path}: got a bundle that is replaced again and again, expected one that stays; stop its writers"
    )


def _open_folder(path: Path) -> int:
    try:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, _FLAGS | os.O_DIRECTORY)
        with contextlib.suppress(OSError, ValueError):  # ValueError: a path without a name
            return os.open(set_aside(path), _FLAGS | os.O_DIRECTORY | os.O_NOFOLLOW)
        return os.open(path, _FLAGS | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            found = "a file" if path.is_file() else "nothing there"
            expected = "a bundle folder; check the path or run `ferry export`"
        else:
            found, expected = str(error.strerror), "a readable folder; check its permissions"
        raise FerryError(ExitCode.IO, f"{path}: got {found}, expected {expected}") from None


def _stands_at(descriptor: int, path: Path) -> bool:
    for place in (path, set_aside(path)) if path.name else (path,):
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), place.stat())
    return False
