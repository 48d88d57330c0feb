"""The C of bundles under names of their own, so that several stand in one program."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from torchferry.bundle.contract import Contract
from torchferry.bundle.manifest import Artifact, licence_of
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError

ENGINES = ("c", "c-int8")  # those whose artifacts are C
_PREFIX = re.compile(r"^typedef struct (\w+)_input \{", re.MULTILINE)
_DIGEST = re.compile(r"SHA-256 of model\.c after this comment: [0-9a-f]{64}")
_URL = re.compile(r"https?://[!-~]{1,200}")
NO_URL = "https://example.com"  # of nobody (RFC 2606), where one must stand
NO_VERSION = "0.0.0"
_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}")


@dataclass(frozen=True)
class Sources:
    """One bundle's C: `code` is PREFIX.c, `header` PREFIX.h, `weights` PREFIX.weights.bin where they are not in the code."""

    name: str
    prefix: str
    code: bytes
    header: bytes
    weights: bytes | None
    contract: Contract
    given_version: str  # as the metadata say; empty: not at all
    licence: str
    given_url: str
    has_bytes: bool  # its structs, for the contract's floats

    @property
    def version(self) -> str:
        """MAJOR.MINOR.PATCH, for those who ask for one."""
        return self.given_version if _VERSION.fullmatch(self.given_version) else NO_VERSION

    @property
    def url(self) -> str:
        """An address, for those who ask for one."""
        return self.given_url if _URL.fullmatch(self.given_url) else NO_URL

    @property
    def files(self) -> dict[str, bytes]:
        """The files by name."""
        found = {f"{self.prefix}.c": self.code, f"{self.prefix}.h": self.header}
        return found if self.weights is None else {**found, f"{self.prefix}.weights.bin": self.weights}


def sources_of(bundles: Sequence[Bundle]) -> list[Sources]:
    """Return the C of each bundle. Raises FerryError: UNAVAILABLE for a bundle without C, USAGE for two of one prefix."""
    found: dict[str, Sources] = {}
    for bundle in bundles:
        sources = _sources(bundle)
        if sources.prefix in found:
            raise FerryError(
                ExitCode.USAGE,
                f"{bundle.folder}: got the prefix {sources.prefix} of {sources.name} and of {found[sources.prefix].name}, "
                "expected one of its own for each bundle; export one of them with another --name",
            )
        found[sources.prefix] = sources
    return list(found.values())


def _sources(bundle: Bundle) -> Sources:
    files = {entry.path: entry for entry in _artifact(bundle).files}
    code, header = (bundle.read(files[name]).decode() for name in ("model.c", "model.h"))
    match = _PREFIX.search(header)
    if match is None:
        raise FerryError(ExitCode.FORMAT, f"{bundle.folder}: model.h: got no input struct, expected one; export the bundle again")
    prefix, metadata = match[1], bundle.manifest.metadata
    about, end, body = code.partition(" */\n")
    body = body.replace('#include "model.h"', f'#include "{prefix}.h"', 1)
    digest = f"SHA-256 of {prefix}.c after this comment: {hashlib.sha256(body.encode()).hexdigest()}"
    weights = files.get("model.weights.bin")
    return Sources(
        bundle.manifest.name,
        prefix,
        (_DIGEST.sub(digest, about) + end + body).encode(),
        _DIGEST.sub(digest, header, count=1).encode(),
        None if weights is None else bundle.read(weights),
        bundle.contract,
        metadata.get("version", ""),
        licence_of(metadata),
        metadata.get("url", ""),
        "io" in _artifact(bundle).requires,
    )


def _artifact(bundle: Bundle) -> Artifact:
    for artifact in bundle.manifest.artifacts:
        if artifact.engine in ENGINES:
            return artifact
    engines = ", ".join(artifact.engine for artifact in bundle.manifest.artifacts) or "none"
    raise FerryError(
        ExitCode.UNAVAILABLE,
        f"{bundle.folder}: got a bundle without C (it has {engines}), expected one with it; export it with --to c",
    )
