"""Opening a bundle: the manifest is parsed, then the size and SHA-256 of every file checked (FORMAT.md sections 1 and 2)."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.digest import sha256_of, sha256_of_stream
from torchferry.bundle.manifest import MANIFEST_NAME, Artifact, FileEntry, Manifest, parse_manifest
from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_MANIFEST_BYTES


@dataclass(frozen=True)
class Bundle:
    """An opened bundle, every file of which has been checked."""

    folder: Path
    manifest: Manifest
    missing: frozenset[str] = frozenset()  # native files that are listed and not there

    @property
    def contract(self) -> Contract:
        """Names, dtypes and shapes of inputs and outputs."""
        return self.manifest.contract

    def artifact(self, engine: str) -> Artifact:
        """Return the artifact that `engine` runs. Raises FerryError(UNAVAILABLE) if the bundle has none."""
        for artifact in self.manifest.artifacts:
            if artifact.engine == engine:
                return artifact
        known = [artifact.engine for artifact in self.manifest.artifacts]
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"{self.folder}: this bundle has no artifact for engine {quoted(engine)}; it has {', '.join(known)}; export that format too",
        )

    def present(self, files: Iterable[FileEntry]) -> Iterator[FileEntry]:
        """Yield those of an artifact's files that are there. Native files may be missing: each is for one kind of machine."""
        return (entry for entry in files if entry.path not in self.missing)

    def read(self, entry: FileEntry) -> bytes:
        """Read a file, and return bytes whose digest is right. Raises FerryError(IO, or INTEGRITY if it changed since)."""
        with _open_file(self.folder / entry.path) as stream:
            data = stream.read(entry.bytes + 1)
        if len(data) != entry.bytes or sha256_of(data) != entry.sha256:
            raise FerryError(
                ExitCode.INTEGRITY, f"{self.folder / entry.path}: the file changed while it was in use; export the bundle again"
            )
        return data

    def read_arrays(self, files: Mapping[str, FileEntry]) -> dict[str, Array]:
        """Read golden arrays [N, ...] by name. Raises FerryError(IO, INTEGRITY or FORMAT)."""
        from torchferry.bundle.npy import read_array  # imports numpy

        return {
            name: read_array(self.read(entry), where=str(self.folder / entry.path), code=ExitCode.FORMAT)
            for name, entry in files.items()
        }


def open_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Open the bundle in `folder`, after checking its manifest, its list of files and every digest.

    Raises FerryError: IO (no such folder), FORMAT (the manifest) or INTEGRITY (a file is missing, extra or changed).
    """
    path = Path(folder)
    _require_folder(folder)
    manifest = parse_manifest(_read_manifest(path / MANIFEST_NAME), where=str(path / MANIFEST_NAME))
    bundle = Bundle(path, manifest, _check_file_list(path, manifest))
    files = list(bundle.present(manifest.files()))
    for entry in files:
        _check_size(path / entry.path, entry)
    for entry in files:
        _check_digest(path / entry.path, entry)
    return bundle


def _require_folder(folder: str | os.PathLike[str]) -> None:
    try:
        is_folder = stat.S_ISDIR(os.stat(folder).st_mode)  # noqa: PTH116 (Path("") would be the working folder)
        problem = "got a file, expected a bundle folder"
    except (FileNotFoundError, NotADirectoryError):
        is_folder, problem = False, "no such folder"
    except OSError as error:
        is_folder, problem = False, f"got {error.strerror}, expected a bundle folder"
    if not is_folder:
        shown = os.fspath(folder) or "''"  # a script's unset variable
        raise FerryError(ExitCode.IO, f"{shown}: {problem}; check the path or run `ferry export`")


def _read_manifest(path: Path) -> bytes:
    if _is_missing(path):
        raise FerryError(ExitCode.FORMAT, f"{path}: got no such file, expected the bundle's manifest; export the bundle again")
    with _open_file(path) as stream:
        return stream.read(MAX_MANIFEST_BYTES + 1)


def _is_missing(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:  # there or not, it cannot be read: opening it says why
        return False
    return False


def _open_file(path: Path) -> BinaryIO:
    """Open a regular file, never a link or a pipe that another program put in its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):  # a link, a file in a folder's place, a socket
            raise _not_regular(path) from None
        raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected a readable file; check its permissions") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    return cast(BinaryIO, os.fdopen(descriptor, "rb"))


def _not_regular(path: Path) -> FerryError:
    return FerryError(
        ExitCode.INTEGRITY, f"{path}: got a link or special file, expected a regular file; copy the bundle with its files"
    )


def _check_file_list(folder: Path, manifest: Manifest) -> frozenset[str]:
    """Return listed native files that are absent (FORMAT.md section 2 allows that). Raises FerryError(INTEGRITY)."""
    listed = {entry.path for entry in manifest.files()} | {MANIFEST_NAME}
    native = {entry.path for entry in manifest.files() if entry.is_native}
    found = set(_walk(folder))
    for path in sorted(listed - found - native):
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{folder / path}: got no such file, expected it as listed in the manifest; copy the bundle whole",
        )
    for path in sorted(found - listed):
        raise FerryError(ExitCode.INTEGRITY, f"{folder / path}: got a file that the manifest does not list; remove it")
    return frozenset(native - found)


def _walk(folder: Path) -> Iterator[str]:
    """Yield the relative path of every file. A list of folders replaces recursion, so that no depth exhausts the stack."""
    pending = [""]
    while pending:
        prefix = pending.pop()
        for entry in _scan(folder / prefix):
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                pending.append(path + "/")
            elif entry.is_file(follow_symlinks=False):
                yield path
            else:
                raise _not_regular(folder / path)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{folder}: got {error.strerror}, expected a readable folder; check its permissions"
        ) from None


def _check_size(path: Path, entry: FileEntry) -> None:
    got = path.lstat().st_size
    if got != entry.bytes:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{path}: size: got {got} bytes, expected {entry.bytes}; the file was changed or cut: export the bundle again",
        )


def _check_digest(path: Path, entry: FileEntry) -> None:
    with _open_file(path) as stream:
        got = sha256_of_stream(stream)
    if got != entry.sha256:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{path}: sha256: got {got[:16]}..., expected {entry.sha256[:16]}...; the file was changed: export the bundle again",
        )
