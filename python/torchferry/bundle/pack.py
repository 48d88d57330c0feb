"""Packing a bundle: its files as one stored zip in sorted order, whose bytes depend on nothing but the bundle."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from torchferry.bundle.container import is_hidden, read_whole
from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.bundle.reader import Bundle, open_own_bundle
from torchferry.errors import ExitCode, FerryError

SUFFIX = ".ferry"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can name
_MODE = 0o100644 << 16  # a regular file that everybody may read
_UNIX = 3


def pack(bundle: Bundle, target: Path, *, force: bool = False) -> None:
    """Write the bundle as the file `target`, which appears whole or not at all. Hidden sidecars are left out.

    Raises FerryError(IO) where `target` exists and `force` is false or it cannot be written, FerryError(INTEGRITY).
    """
    _check_target(target, force=force)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{target}: got {error.strerror}, expected a writable folder; choose another --out"
        ) from None
    staged = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _write(bundle, stream)
            stream.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        open_own_bundle(staged)
        staged.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{target}: got {error.strerror}, expected room for the whole file; check the free space of the disk"
        ) from None
    finally:
        staged.unlink(missing_ok=True)


def _check_target(target: Path, *, force: bool) -> None:
    if not os.path.lexists(target):
        return
    if not force:
        raise FerryError(ExitCode.IO, f"{target}: got an existing path, expected none; use --force to replace the file")
    if target.is_symlink() or not target.is_file():
        raise FerryError(
            ExitCode.IO, f"{target}: got something that is not a file; --force replaces files only: remove it yourself"
        )


def _write(bundle: Bundle, stream: BinaryIO) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files_of(bundle):
            info = zipfile.ZipInfo(path, _DATE)
            info.create_system, info.external_attr = _UNIX, _MODE
            archive.writestr(info, data)


def files_of(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """Return path and bytes of every file, sorted by path: those that were hashed, the manifest that was parsed, named sidecars."""
    entries = {entry.path: entry for entry in bundle.present(bundle.manifest.files())}
    sidecars = [path for path in bundle.ignored if not is_hidden(path)]
    for path in sorted([MANIFEST_NAME, *entries, *sidecars]):
        if path == MANIFEST_NAME:
            yield path, bundle.manifest_json
        elif path in entries:
            yield path, bundle.read(entries[path])
        else:
            content = bundle.container.open(path)
            yield path, read_whole(content, content.size)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
