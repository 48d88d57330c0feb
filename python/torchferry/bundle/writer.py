"""Writing a bundle: into a temporary sibling folder, then renamed; an existing bundle stays whole until then."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torchferry.bundle.digest import sha256_of_stream
from torchferry.bundle.manifest import MANIFEST_NAME, FileEntry, Manifest, dump_manifest
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError


@contextmanager
def staging_folder(target: Path, *, force: bool) -> Iterator[Path]:
    """Make a temporary sibling of `target`, which takes its place when the block ends without an error.

    Raises FerryError(IO) where `target` exists and `force` is false, or where nothing can be written.
    """
    check_target(target, force=force)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{target}: got {error.strerror}, expected a writable folder; choose another --out"
        ) from None
    try:
        staging.chmod(0o755)
        yield staging
        open_bundle(staging)
        _replace(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_target(target: Path, *, force: bool) -> None:
    """Refuse to replace what is not a bundle, and a bundle without `force`. Raises FerryError(IO)."""
    if not os.path.lexists(target):
        return
    if not force:
        raise FerryError(ExitCode.IO, f"{target}: got an existing path, expected none; use --force to replace the bundle")
    if not (target / MANIFEST_NAME).is_file() or target.is_symlink():
        raise FerryError(
            ExitCode.IO, f"{target}: got something that is not a bundle; --force replaces bundles only: remove it yourself"
        )


def file_entry(folder: Path, path: str) -> FileEntry:
    """Return path, size and digest of a file that has been written into `folder`."""
    with (folder / path).open("rb") as stream:
        digest = sha256_of_stream(stream)
        return FileEntry(path=path, bytes=stream.tell(), sha256=digest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, the last file of a bundle."""
    (folder / MANIFEST_NAME).write_bytes(dump_manifest(manifest))


def _replace(staging: Path, target: Path) -> None:
    """Put `staging` in the place of `target`; the old bundle is whole until the new one stands there."""
    old = staging.with_name(staging.name + ".old")
    if target.exists():
        target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
