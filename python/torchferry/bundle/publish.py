"""How a finished folder becomes a bundle's place: one writer at a time, everything on the disk, one step, and nothing left over."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torchferry.bundle.hold import set_aside
from torchferry.errors import ExitCode, FerryError

STAGING = ".ferry-"  # between the target's name and eight characters by mkdtemp
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h>, <linux/fs.h>
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # of a kernel or file system that has none
_PATIENCE_S = 2.0  # for readers of the old bundle; longer ones keep it, and the next writer removes it


@contextmanager
def only_writer(target: Path) -> Iterator[None]:
    """Hold the lock of the writers of `target`. Raises FerryError(IO) where another holds it or no lock can be made."""
    path = target.with_name(f".{target.name}{STAGING}lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _lock(path)
    except BlockingIOError:
        raise FerryError(
            ExitCode.IO, f"{target}: got another writer at work on it, expected none; wait until it has ended"
        ) from None
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{target}: got {error.strerror}, expected a writable folder; choose another --out"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _lock(path: Path) -> int:
    """Lock the file `path`, made where it is missing: the one that still has this name once it is locked. Raises OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:  # its last holder removes it
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def tidy(target: Path) -> None:
    """Remove what killed writers of `target` left, and put back the old bundle that one had set aside. Call under the lock."""
    aside = set_aside(target)
    if aside.is_dir() and not os.path.lexists(target):
        aside.rename(target)
    pattern = re.compile(re.escape(f".{target.name}{STAGING}") + r"([a-z0-9_]{8}|old)")
    for path in sorted(target.parent.iterdir()):
        if pattern.fullmatch(path.name):
            retire(path, patience_s=0)


def retire(folder: Path, *, patience_s: float | None = None) -> None:
    """Remove a folder unless somebody reads it for longer than `patience_s` seconds (default 2). A missing one is done already."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if _is_unread(descriptor, time.monotonic() + (_PATIENCE_S if patience_s is None else patience_s)):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _is_unread(descriptor: int, deadline: float) -> bool:
    """Lock the folder against readers. A file system without locks cannot tell: its readers open the new bundle again."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        except OSError:
            return True
        else:
            return True


def sync_tree(folder: Path) -> None:
    """Bring every file and folder to the disk, files first. Raises FerryError(IO)."""
    for root, _, files in os.walk(folder, topdown=False):
        for path in [*(Path(root, name) for name in sorted(files)), Path(root)]:
            _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # a file system that syncs no folders
            raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected it on the disk; check the disk") from None
    finally:
        os.close(descriptor)


def publish(staging: Path, target: Path) -> None:
    """Put `staging` in the place of `target`; what stood there is at `staging` afterwards. Raises FerryError(IO)."""
    try:
        if not os.path.lexists(target):
            staging.rename(target)
        elif not _exchange(staging, target):
            _replace(staging, target)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{target}: got {error.strerror}, expected to put the bundle there; the old one is whole"
        ) from None
    _sync(target.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where this kernel or file system cannot. Raises OSError."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28, musl 1.2.6
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code))


def _replace(staging: Path, target: Path) -> None:
    """Exchange by three renames. Between the first two, readers find the old bundle set aside, and `tidy` puts it back."""
    aside = set_aside(target)
    target.rename(aside)
    try:
        staging.rename(target)
    except OSError:
        aside.rename(target)
        raise
    aside.rename(staging)
