"""Taking hold of a folder: the descriptor of one bundle, also while a writer replaces it (FORMAT.md section 1).

A shared lock on the descriptor tells writers to leave the folder where it is, under another name, until nobody reads it any more.
cpp/src/posix/hold.cpp is its twin.
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


def hold(path: str | os.PathLike[str]) -> int:
    """Open the folder and lock it, again where a writer replaced it meanwhile. Raises FerryError(IO)."""
    if not os.fspath(path):  # a script's unset variable; Path("") would be the working folder
        raise _refusal("''", "no such folder")
    folder = Path(path)
    for _ in range(_ATTEMPTS):
        descriptor = _open_folder(folder)
        with contextlib.suppress(OSError):  # a file system without locks, or one that is being removed: seen below
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if _stands_at(descriptor, folder):
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
        raise _refusal(str(path), _problem(path, error)) from None


def _problem(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOTDIR and os.path.lexists(path):
        return "got a file, expected a bundle folder"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "no such folder"
    return f"got {error.strerror}, expected a bundle folder"


def _refusal(path: str, problem: str) -> FerryError:
    return FerryError(ExitCode.IO, f"{path}: {problem}; check the path or run `ferry export`")


def _stands_at(descriptor: int, path: Path) -> bool:
    for place in (path, set_aside(path)) if path.name else (path,):
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), place.stat())
    return False
