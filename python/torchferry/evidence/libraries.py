"""The libraries that made a bundle's artifacts and weights: name and version as the manifest has them, licence as installed here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata

from torchferry.bundle.manifest import Manifest

_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*) ([0-9][A-Za-z0-9.+!_-]*)")
_NO_LIBRARIES = {"python", "threads"}  # of training.versions
_LONGEST_NAME = 80  # of a licence; older packages have the whole text where its name belongs


@dataclass(frozen=True)
class Library:
    """One distribution; `licence` None: this version is not installed here, or does not say."""

    name: str
    version: str
    licence: str | None


def libraries_of(manifest: Manifest) -> list[Library]:
    """Return what `producer` of each artifact and `training.versions` name, sorted; each version once."""
    found = {
        match.groups()
        for artifact in manifest.artifacts
        for match in map(_NAMED.fullmatch, artifact.producer.split(", "))
        if match
    }
    versions = manifest.training.versions if manifest.training is not None else {}
    found |= {(name, version) for name, version in versions.items() if name not in _NO_LIBRARIES}
    return [Library(name, version, _licence(name, version)) for name, version in sorted(found)]


def _licence(name: str, version: str) -> str | None:
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if about["Version"] != version:
        return None
    texts = [(about.get_all(key) or [None])[0] for key in ("License-Expression", "License")]
    texts += [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License :: ")]
    return next((text for text in texts if text and len(text) <= _LONGEST_NAME and "\n" not in text), None) or _long(texts)


def _long(texts: list[str | None]) -> str | None:
    """Return a long expression on one line, as torch has one; a licence's whole text is no name."""
    return next((text for text in texts if text and "\n" not in text), None)
