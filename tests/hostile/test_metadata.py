"""`metadata`: a bounded map of texts, the same set in both programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builders.programs import Program
from hostile.documents import read_manifest, replaced, write_manifest
from hostile.refusal import assert_refused

LARGEST = {f"k{i}": "x" for i in range(64)}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"licence": "MIT"}, {"K.e-y_9": "é" * 2048}, {"k" * 64: "\u202e\x1b[2J\n"}, {"a": "\0"}, LARGEST],
    ids=["empty", "one", "longest-value", "longest-key", "nul", "most"],
)
def test_metadata_by_the_rules_is_shown(quick_program: Program, iris: Path, metadata: dict[str, str]) -> None:
    write_manifest(iris, replaced(read_manifest(iris), ("metadata",), metadata))
    done = quick_program("inspect", iris)
    assert done.code == 0, done.stderr
    text = done.stdout.decode()
    assert all(f"{key}: " in text for key in metadata)
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert json.loads(quick_program("inspect", iris, "--json").stdout)["manifest"]["metadata"] == metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": ""}, {"a": "x" * 4097}, {"a": "é" * 2049}, {"": "x"}, {"1a": "x"}, {"a b": "x"}, {"k" * 65: "x"}, {"é": "x"},
        {"a\n": "x"}, {"a": 1}, {"a": None}, {"a": ["x"]}, {"a": {"b": "c"}}, {**LARGEST, "more": "x"}, [], None, "text",
    ],
    ids=repr,
)  # fmt: skip
def test_metadata_outside_the_rules_is_refused(quick_program: Program, iris: Path, metadata: Any) -> None:
    write_manifest(iris, replaced(read_manifest(iris), ("metadata",), metadata))
    assert_refused(quick_program, "inspect", iris, code=3, named=("manifest.json", "metadata"), under=iris)
