"""A bundle's folder, held by its descriptor: what is read through it is one bundle. cpp/src/folder.cpp is its twin."""

from __future__ import annotations

import errno
import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from torchferry.bundle.hold import hold
from torchferry.errors import ExitCode, FerryError

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Folder:
    """The folder that stood at `path` when it was opened; closed when nobody refers to it. Raises FerryError(IO)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._descriptor = hold(path)
        self.path = Path(path)
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
