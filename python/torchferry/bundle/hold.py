"""Taking hold of a folder: the descriptor of one bundle, also while a writer replaces it (FORMAT.md section 1).

A shared lock on the descriptor tells writers to leave the folder where it is, under another name, until nobody reads it any more.
cpp/src/hold.cpp is its twin.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from torchferry.errors import ExitCode, FerryError

_ATTEMPTS = 1000  # each is a replacement by a writer
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def set_aside(target: Path) -> Path:
    """Return where the old bundle stands for the moment in which a writer without an exchange puts a new one in its place."""
    return target.with_name(f".{target.name}.ferry-old")


def hold(path: Path) -> int:
    """Open the folder and lock it, again where a writer replaced it meanwhile. Raises FerryError(IO)."""
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
