"""Where an answer goes: stdout, a special file, or a file that appears only when it is whole. The C++ twin is cpp/cli/output_file.cpp."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from torchferry.errors import ExitCode, FerryError

_WRITABLE = "expected a file that can be written; check the path and its permissions"


@contextlib.contextmanager
def open_target(path: str) -> Iterator[BinaryIO]:
    """Open stdout (`-`), a special file, or a temporary sibling that is renamed when the block ends. Raises FerryError(IO)."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    _refuse_long_name(target, path)
    if is_special(target):
        with target.open("wb") as stream:
            yield stream
        return
    if target.is_dir():
        raise FerryError(ExitCode.IO, f"{path}: got a folder, {_WRITABLE}")
    if target.exists():
        target = target.resolve()  # a link is kept, and what it points to replaced
        if not os.access(target, os.W_OK):
            raise FerryError(ExitCode.IO, f"{path}: got {os.strerror(errno.EACCES)}, {_WRITABLE}")
    descriptor, temporary = _create_beside(target, path)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), 0o666 & ~umask())
            yield stream
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextlib.contextmanager
def open_folder(output: str) -> Iterator[Path]:
    """Make a temporary sibling of the folder `output`, which takes its place when the block ends. Raises FerryError(IO)."""
    target = Path(output)
    if os.path.lexists(target):
        raise FerryError(ExitCode.IO, f"{output}: got an existing path, expected none; name another folder, or remove this one")
    _refuse_long_name(target, output)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".ferry-", suffix=".tmp", dir=target.parent))
    except OSError as error:
        raise _unwritable(output, error) from None
    try:
        temporary.chmod(0o777 & ~umask())
        yield temporary
        temporary.rename(target)
    except FerryError as error:  # of a file in it, which the user knows by its place
        raise FerryError(error.code, str(error).replace(str(temporary), str(target))) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def open_spool(path: str) -> BinaryIO:
    """Open a file without a name, on the disk that `path` is on: for what is written to `path` later. Raises FerryError(IO)."""
    target = Path(path)
    folder = None if path == "-" or is_special(target) else target.resolve().parent
    try:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))
    except OSError as error:
        raise _unwritable(path, error) from None


def is_special(path: Path) -> bool:
    """Say whether a device, a pipe or a socket is there."""
    try:
        mode = path.stat().st_mode
    except OSError:  # nothing is there, or nobody can say what
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def umask() -> int:
    """Return the permissions that new files of this process lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refuse_long_name(target: Path, shown: str) -> None:
    """Refuse a name that is too long before anything is computed: the rename finds it out last. Raises FerryError(IO)."""
    try:
        os.lstat(target)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _unwritable(shown, error) from None


def _create_beside(target: Path, shown: str) -> tuple[int, str]:
    """Make a temporary sibling of `target`. Raises FerryError(IO)."""
    try:
        return tempfile.mkstemp(prefix=".ferry-", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise _unwritable(shown, error) from None


def _unwritable(shown: str, error: OSError) -> FerryError:
    return FerryError(
        ExitCode.IO,
        f"{shown}: got {error.strerror}, expected a place that can be written; check the folder and its permissions",
    )
