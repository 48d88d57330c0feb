"""Opening a bundle: the manifest is parsed, then the size and SHA-256 of every file checked (FORMAT.md sections 1 and 2)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torchferry.bundle.container import Container, Content, Listing, read_whole
from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.digest import sha256_of, sha256_of_content
from torchferry.bundle.float_mode import ieee_arithmetic
from torchferry.bundle.folder import Folder
from torchferry.bundle.manifest import MANIFEST_NAME, Artifact, FileEntry, Manifest
from torchferry.bundle.manifest_json import parse_manifest
from torchferry.bundle.printable import quoted
from torchferry.bundle.signature import Signature
from torchferry.bundle.trust import Trust, check_trust, demands
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_MANIFEST_BYTES

_ATTEMPTS = 16  # a bundle that is replaced while it is checked is opened again


@dataclass(frozen=True)
class Bundle:
    """An opened bundle, every file of which has been checked, or is when it is first read."""

    container: Container
    manifest: Manifest
    manifest_json: bytes  # the bytes of manifest.json
    missing: frozenset[str] = frozenset()  # native files that are listed and not there
    ignored: tuple[str, ...] = ()  # sidecars: there, not listed and not opened
    held: Mapping[str, Content] = field(default_factory=dict)  # files that links led to, so that no path is resolved twice
    signatures: tuple[Signature, ...] = ()  # those that trusted keys made, where trust was asked for
    trust_options: tuple[str, ...] = ()  # of `ferry-run`, for the same demands

    @classmethod
    @ieee_arithmetic()
    def from_memory(cls, data: bytes | bytearray | memoryview, *, name: str = "memory", trust: Trust | None = None) -> Bundle:
        """Open the bytes of a file that `ferry pack` wrote, signed as open_bundle asks; `name` stands for them in messages.

        Raises FerryError(FORMAT or INTEGRITY).
        """
        from torchferry.bundle.archive import read_archive  # most bundles are folders, which need no reader of archives

        container = read_archive(bytes(data), name)
        return _checked(container, read_manifest(container), demands(trust))

    @property
    def folder(self) -> Path:
        """The path of the folder or of the one file; the given name where the bundle lies in memory."""
        return self.container.root

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
        """Read a file, and return bytes whose digest is right. Raises FerryError(IO, or INTEGRITY if it was changed)."""
        content = self.held.get(entry.path) or self.container.open(entry.path, follow=False)
        data = read_whole(content, entry.bytes + 1)
        _require_digest(self.folder / entry.path, entry, sha256_of(data))
        return data

    def read_arrays(self, files: Mapping[str, FileEntry]) -> dict[str, Array]:
        """Read golden arrays [N, ...] by name. Raises FerryError(IO, INTEGRITY or FORMAT)."""
        from torchferry.bundle.npy import read_array  # imports numpy

        return {
            name: read_array(self.read(entry), where=str(self.folder / entry.path), code=ExitCode.FORMAT)
            for name, entry in files.items()
        }


def open_bundle(path: str | os.PathLike[str], *, trust: Trust | None = None, lazy: bool = False) -> Bundle:
    """Open a bundle, a folder or the one file that `ferry pack` wrote, signed as `trust`, the process's policy and FERRY_TRUST ask.

    With `lazy` a file's SHA-256 is checked when it is first read, so that artifacts of engines that nobody opens cost nothing.
    Nothing is used before it is checked. Raises FerryError(IO, FORMAT or INTEGRITY); bundle/trust.py has more about signatures.
    """
    return _open(path, demands(trust), lazy=lazy)


def open_own_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Open a bundle that this process has written, or is about to sign: nobody's signature is asked for."""
    return _open(path, [])


@ieee_arithmetic()
def _open(path: str | os.PathLike[str], asked: list[Trust], *, lazy: bool = False) -> Bundle:
    for _ in range(_ATTEMPTS):
        container = _container(path)
        data = read_manifest(container)
        try:
            return _checked(container, data, asked, lazy=lazy)
        except FerryError:
            if not _is_replaced(path, data):
                raise
    raise FerryError(
        ExitCode.IO, f"{container.root}: got another bundle each time it was read, expected one that stays; try again"
    )


def read_manifest(container: Container) -> bytes:
    """Return the bytes of manifest.json, at most one more than are allowed: nothing of a bundle is read before them.

    Raises FerryError(FORMAT) where there are none, FerryError(IO or INTEGRITY).
    """
    if not container.has(MANIFEST_NAME):
        raise FerryError(
            ExitCode.FORMAT,
            f"{container.root / MANIFEST_NAME}: got no such file, expected the bundle's manifest; export the bundle again",
        )
    return read_whole(container.open(MANIFEST_NAME), MAX_MANIFEST_BYTES + 1)


def _is_replaced(path: str | os.PathLike[str], data: bytes) -> bool:
    """Return whether another manifest is there now than the one whose bundle has just been refused."""
    try:
        return read_manifest(_container(path)) != data
    except FerryError:
        return False


def _container(given: str | os.PathLike[str]) -> Container:
    path = Path(given)
    # Path("") would be the working folder; for a long name Path raises.
    if os.fspath(given) and os.path.exists(path) and not os.path.isdir(path):  # noqa: PTH110, PTH112
        from torchferry.bundle.archive import open_archive

        return open_archive(path)
    return Folder(given)  # or why there is none


def _checked(container: Container, data: bytes, asked: list[Trust], *, lazy: bool = False) -> Bundle:
    """Check the signatures, then every file against the manifest; with `lazy` the digests later, as Bundle.read does each time.

    Raises FerryError(IO, FORMAT or INTEGRITY).
    """
    signatures = check_trust(container, data, asked)  # before anything else of the bundle is parsed
    manifest = parse_manifest(data, where=str(container.root / MANIFEST_NAME))
    entries = {entry.path: entry for entry in manifest.files()}
    listing = container.list({*entries, MANIFEST_NAME})
    missing = _check_file_list(container.root, entries, listing)
    there = [entry for entry in entries.values() if entry.path not in missing]
    for entry in there:
        _check_size(container.root / entry.path, entry, listing.sizes[entry.path])
    held = {}
    for entry in there:
        content = container.open(entry.path)
        if not lazy:
            _require_digest(container.root / entry.path, entry, sha256_of_content(content))
        if content.is_link:
            held[entry.path] = content
    options = tuple(word for one in asked for word in one.options)
    return Bundle(container, manifest, data, missing, listing.sidecars, held, signatures, options)


def _check_file_list(root: Path, entries: Mapping[str, FileEntry], listing: Listing) -> frozenset[str]:
    """Return the listed files that are missing and may be: native ones."""
    absent = entries.keys() - listing.sizes.keys()
    native = frozenset(path for path in absent if entries[path].is_native)
    for path in sorted(absent - native):
        raise FerryError(
            ExitCode.INTEGRITY, f"{root / path}: got no such file, expected it as listed in the manifest; copy the bundle whole"
        )
    for path in sorted(listing.sizes.keys() - entries.keys() - {MANIFEST_NAME}):
        raise FerryError(ExitCode.INTEGRITY, f"{root / path}: got a file that the manifest does not list; remove it")
    return native


def _check_size(path: Path, entry: FileEntry, got: int) -> None:
    if got != entry.bytes:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{path}: size: got {got} bytes, expected {entry.bytes}; the file was changed or cut: export the bundle again",
        )


def _require_digest(path: Path, entry: FileEntry, got: str) -> None:
    if got != entry.sha256:
        raise FerryError(
            ExitCode.INTEGRITY,
            f"{path}: sha256: got {got[:16]}..., expected {entry.sha256[:16]}...; the file was changed: export the bundle again",
        )
