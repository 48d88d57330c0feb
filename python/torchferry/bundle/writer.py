"""Writing a bundle: into a temporary sibling folder, then exchanged with what stood there; a kill at any moment leaves one whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torchferry.bundle.digest import sha256_of_stream
from torchferry.bundle.manifest import MANIFEST_NAME, FileEntry, Manifest
from torchferry.bundle.manifest_json import dump_manifest
from torchferry.bundle.publish import STAGING, only_writer, publish, retire, sync_tree, tidy
from torchferry.bundle.reader import open_own_bundle
from torchferry.errors import ExitCode, FerryError


@contextmanager
def staging_folder(target: Path, *, force: bool) -> Iterator[Path]:
    """Make a temporary sibling of `target`, which takes its place when the block ends without an error.

    Raises FerryError(IO) where `target` exists and `force` is false, where another writer is at work, or where nothing can be
    written.
    """
    check_target(target, force=force)
    with only_writer(target):
        tidy(target)
        check_target(target, force=force)  # an interrupted writer's old bundle may stand there again
        staging = _make_staging(target)
        try:
            yield staging
            open_own_bundle(staging)
            check_target(target, force=force)
            sync_tree(staging)
            publish(staging, target)
        except BaseException as error:
            shutil.rmtree(staging, ignore_errors=True)
            name_output(error, target)
            raise
        retire(staging)


def name_output(error: BaseException, output: Path) -> None:
    """Give an error of a full disk, which names no file, that of what was being written."""
    if isinstance(error, OSError) and error.filename is None:
        error.filename = str(output)


def _make_staging(target: Path) -> Path:
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}{STAGING}", dir=target.parent))
        staging.chmod(0o755)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{target}: got {error.strerror}, expected a writable folder; choose another --out"
        ) from None
    return staging


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
