"""Would a program take this input? Asked without loading a runtime, so that thousands of inputs can be tried."""

from __future__ import annotations

from pathlib import Path

from builders.programs import Program
from hostile.documents import read_manifest, write_manifest
from hostile.refusal import assert_error


def is_accepted(program: Program, bundle: Path, *files: Path) -> bool:
    """Bad input is told (7) before an engine is missed (5)."""
    inputs = [word for file in files for word in ("--input", file)]
    done = program("predict", bundle, "--engine", "no-such-engine", *inputs)
    assert_error(done, 7 if done.code == 7 else 5)
    return done.code == 5


def change_input(bundle: Path, **changes: object) -> None:
    """Give the bundle's first input another dtype, shape or other entry; its artifacts no longer fit, and are not opened."""
    document = read_manifest(bundle)
    document["contract"]["inputs"][0].update(changes)
    write_manifest(bundle, document)
