"""Opening a bundle: the manifest is parsed, then the size and SHA-256 of every file checked (FORMAT.md sections 1 and 2)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.digest import sha256_of, sha256_of_stream
from torchferry.bundle.float_mode import ieee_arithmetic
from torchferry.bundle.folder import Folder
from torchferry.bundle.manifest import MANIFEST_NAME, Artifact, FileEntry, Manifest, parse_manifest
from torchferry.bundle.printable import quoted
from torchferry.bundle.signature import Signature, is_sidecar
from torchferry.bundle.trust import Trust, check_trust, demands
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_MANIFEST_BYTES


@dataclass(frozen=True)
class Bundle:
    """An opened bundle, every file of which has been checked."""

    held: Folder  # as long as this is referred to, writers leave its files where they are
    manifest: Manifest
    missing: frozenset[str] = frozenset()  # native files that are listed and not there
    manifest_bytes: bytes = b""
    signatures: tuple[Signature, ...] = ()  # those that trusted keys made, where trust was asked for
    trust_options: tuple[str, ...] = ()  # of `ferry-run`, for the same demands

    @property
    def folder(self) -> Path:
        """Where it was opened."""
        return self.held.path

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
        with self.held.open(entry.path) as stream:
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


def open_bundle(folder: str | os.PathLike[str], *, trust: Trust | None = None) -> Bundle:
    """Open the bundle in `folder`, after checking who signed it, its manifest, its list of files and every digest.

    A signature is checked where `trust`, the process's policy or FERRY_TRUST asks for one (bundle/trust.py). Raises FerryError: IO
    (no such folder), FORMAT (the manifest), INTEGRITY (a file is missing, extra or changed, or no trusted key signed).
    """
    return _open(folder, demands(trust))


def open_own_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Open a bundle that this process has written, or is about to sign: nobody's signature is asked for."""
    return _open(folder, [])


@ieee_arithmetic()
def _open(folder: str | os.PathLike[str], asked: list[Trust]) -> Bundle:
    held = Folder(folder)
    data = _read_manifest(held)
    signatures = check_trust(held.path, data, asked)  # before anything else of the bundle is parsed
    manifest = parse_manifest(data, where=str(held.path / MANIFEST_NAME))
    options = tuple(word for one in asked for word in one.options)
    sizes = held.sizes()
    bundle = Bundle(held, manifest, _check_file_list(held.path, set(sizes), manifest), data, signatures, options)
    files = list(bundle.present(manifest.files()))
    for entry in files:
        _check_size(held.path / entry.path, sizes[entry.path], entry)
    for entry in files:
        _check_digest(held, entry)
    return bundle


def _read_manifest(held: Folder) -> bytes:
    if not held.has(MANIFEST_NAME):
        raise FerryError(
            ExitCode.FORMAT,
            f"{held.path / MANIFEST_NAME}: got no such file, expected the bundle's manifest; export the bundle again",
        )
    with held.open(MANIFEST_NAME) as stream:
        return stream.read(MAX_MANIFEST_BYTES + 1)


def _check_file_list(folder: Path, found: Set[str], manifest: Manifest) -> frozenset[str]:
    """Return the listed native files that are absent (FORMAT 1.1 allows that)."""
    listed = {entry.path for entry in manifest.files()} | {MANIFEST_NAME}
    native = {entry.path for entry in manifest.files() if entry.is_native}
    found = {path for path in found if path in listed or not is_sidecar(path)}
    for path in sorted(listed - found - native):
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{folder / path}: got no such file, expected it as listed in the manifest; copy the bundle whole",
        )
    for path in sorted(found - listed):
        raise FerryError(ExitCode.INTEGRITY, f"{folder / path}: got a file that the manifest does not list; remove it")
    return frozenset(native - found)


def _check_size(path: Path, got: int, entry: FileEntry) -> None:
    if got != entry.bytes:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{path}: size: got {got} bytes, expected {entry.bytes}; the file was changed or cut: export the bundle again",
        )


def _check_digest(held: Folder, entry: FileEntry) -> None:
    with held.open(entry.path) as stream:
        got = sha256_of_stream(stream)
    if got != entry.sha256:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{held.path / entry.path}: sha256: got {got[:16]}..., expected {entry.sha256[:16]}...; the file was changed: export the bundle again",
        )
