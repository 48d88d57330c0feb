"""Which engine of a bundle runs in which language."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from builders.programs import BUILD, ROOT
from builders.subjects import CppEngine, PythonEngine, find_subjects
from torchferry.bundle.reader import open_bundle

REFERENCE_BUNDLES = [ROOT / "exported" / name for name in ("iris-adaline", "digits-mlp")]
ALLOW = "--allow-native"
LANGUAGES = ("python", "c++")
Verify = Callable[[Path], dict[str, int]]  # a bundle to the exit code of each of its engines


def engines_here(language: str) -> set[str]:
    """The engines that the language has."""
    kind = PythonEngine if language == "python" else CppEngine
    return {subject.engine for subject in find_subjects(BUILD) if isinstance(subject, kind)}


def engines_of(bundle: Path, language: str) -> list[str]:
    """The engines that the bundle has an artifact for and the language an engine."""
    return [artifact.engine for artifact in open_bundle(bundle).manifest.artifacts if artifact.engine in engines_here(language)]


def shared_engines(bundle: Path) -> list[str]:
    """Those that run in both languages."""
    return [engine for engine in engines_of(bundle, "python") if engine in engines_of(bundle, "c++")]


def runnable_engines(bundle: Path, language: str) -> list[str]:
    """The same, read without the bundle's own checks, which a broken bundle does not pass."""
    artifacts = json.loads((bundle / "manifest.json").read_text())["artifacts"]
    return [artifact["engine"] for artifact in artifacts if artifact["engine"] in engines_here(language)]


def crossings() -> Iterator[tuple[Path, str, str]]:
    """Each reference bundle x engine x language."""
    for bundle in REFERENCE_BUNDLES:
        for language in ("python", "c++"):
            for engine in engines_of(bundle, language):
                yield bundle, engine, language
