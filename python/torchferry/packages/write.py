"""Writing a package of bundles: a folder that appears whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from torchferry.bundle.publish import sync_tree
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.packages import arduino, cmake, npm
from torchferry.packages.sources import Sources, sources_of

Files = Mapping[str, bytes]


def _plain(title: str, sources: Sequence[Sources]) -> Files:
    del title
    return {name: data for one in sources for name, data in one.files.items()}


KINDS: Mapping[str, Callable[[str, Sequence[Sources]], Files]] = MappingProxyType(
    {"c": _plain, "arduino": arduino.files, "cmake": cmake.files, "npm": npm.files}
)
_WITH_A_VERSION = frozenset({"arduino", "cmake", "npm"})  # kinds whose own files name one
_IN_CODE = frozenset({"arduino", "npm"})  # kinds that take no weights in a file of their own


def check_kind(kind: str) -> None:
    """Refuse a kind that is none, or that cannot be built here. Raises FerryError(USAGE or UNAVAILABLE)."""
    if kind not in KINDS:
        raise FerryError(ExitCode.USAGE, f"--package: got {kind!r}, expected one of {', '.join(KINDS)}")
    if kind == "npm":
        npm.require_compiler()


def check_package(kind: str, formats: Sequence[str], out: Path, *, separate: bool, with_bytes: bool) -> None:
    """Refuse a package beside a bundle that is to be exported, before anything is computed. Raises FerryError(USAGE, UNAVAILABLE or IO)."""
    check_kind(kind)
    if not {"c", "c-int8", "all"}.intersection(formats):
        raise FerryError(ExitCode.USAGE, f"--package applies to format c only (got --to {','.join(formats)})")
    if separate:
        _refuse_separate(kind, "the model")
    if with_bytes:
        _refuse_bytes(kind, "the model")
    check_free(package_beside(out, kind))


def package_beside(bundle: Path, kind: str) -> Path:
    """Return where an export writes the package of a bundle."""
    return bundle.with_name(f"{bundle.name}-{kind}")


def write_package(bundles: Sequence[Bundle], kind: str, target: Path) -> list[str]:
    """Write the C of bundles as one package of a kind, in the new folder `target`; return notes on what it says in place of metadata.

    Raises FerryError: USAGE for an unknown kind and for two bundles of one prefix, UNAVAILABLE for a bundle without C or where
    the compiler of WebAssembly is missing, FORMAT for separate weights or bytes in structs where the kind takes none, IO.
    """
    check_kind(kind)
    check_free(target)
    sources = sources_of(bundles)
    for one in sources:
        if one.weights is not None:
            _refuse_separate(kind, one.name)
        if one.has_bytes:
            _refuse_bytes(kind, one.name)
    files = KINDS[kind](_title(target, sources), sources)
    _publish(files, target)
    return _notes(kind, sources)


def _notes(kind: str, sources: Sequence[Sources]) -> list[str]:
    notes = []
    first = sources[0]
    if kind in _WITH_A_VERSION and len(sources) == 1 and first.given_version and first.given_version != first.version:
        notes.append(
            f"metadata version: got {first.given_version}, expected three numbers as 1.2.0; the package says {first.version}"
        )
    if kind == "arduino" and first.given_url != first.url:
        got = first.given_url or "none"
        notes.append(f"metadata url: got {got}, expected https://...; library.properties, which must have one, says {first.url}")
    return notes


def _refuse_separate(kind: str, name: str) -> None:
    if kind in _IN_CODE:
        raise FerryError(
            ExitCode.FORMAT,
            f"--package {kind}: got {name} with its weights in a file of their own, expected them in the code; "
            "export it without --separate-weights, or take --package c or cmake",
        )


def _refuse_bytes(kind: str, name: str) -> None:
    if kind == "npm":
        raise FerryError(
            ExitCode.FORMAT,
            f"--package npm: got {name} with bytes in its structs, expected the contract's floats; export it without --io, or take another kind",
        )


def _publish(files: Files, target: Path) -> None:
    """Write the files beside `target`, then give the folder its name. Raises FerryError(IO)."""
    staging: Path | None = None
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        staging.chmod(0o755)
        for name, data in files.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        sync_tree(staging)
        check_free(target)
        staging.rename(target)
        staging = None
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{target}: got {error.strerror}, expected a writable folder with room; choose another --out"
        ) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def check_free(target: Path) -> None:
    """Refuse a path that exists: what lies there may be someone's work. Raises FerryError(IO)."""
    if os.path.lexists(target):
        raise FerryError(ExitCode.IO, f"{target}: got an existing path, expected none; remove it or choose another --out")


def _title(target: Path, sources: Sequence[Sources]) -> str:
    """Return the package's name: the bundle's, or of several bundles that of the folder, as far as every kind allows it."""
    if len(sources) == 1:
        return sources[0].prefix
    text = re.sub(r"[^a-z0-9]+", "_", target.name.lower()).strip("_")[:60]
    return text if text[:1].isalpha() else f"models_{text}".rstrip("_")
