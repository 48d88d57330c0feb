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


_TEXT = "expected a text of 1 to 4096 bytes"
_CUT = 79  # letters of a long text that messages show


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"a": ""}, f'metadata.a: got "", {_TEXT}'),
        ({"a": "x" * 4097}, f'metadata.a: got "{"x" * _CUT}, {_TEXT}'),
        ({"a": "é" * 2049}, f'metadata.a: got "{"é" * _CUT}, {_TEXT}'),
        ({"": "x"}, "metadata"),
        ({"1a": "x"}, "metadata.1a: got this key, expected a "),
        ({"a b": "x"}, "metadata.a b: got this key, expected a "),
        ({"k" * 65: "x"}, "metadata.k"),
        ({"é": "x"}, "metadata"),
        ({"a\n": "x"}, "metadata"),
        ({"a": 1}, "metadata.a: got 1, expected a string"),
        ({"a": None}, "metadata.a: got null, expected a string"),
        ({"a": ["x"]}, "metadata.a: got an array, expected a string"),
        ({"a": {"b": "c"}}, "metadata.a: got an object, expected a string"),
        ({**LARGEST, "more": "x"}, "metadata: got 65 entries, expected at most 64"),
        ([], "metadata: got an array, expected an object"),
        (None, "metadata: got null, expected an object"),
        ("text", 'metadata: got "text", expected an object'),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_metadata_outside_the_rules_is_refused(quick_program: Program, iris: Path, metadata: Any, said: str) -> None:
    write_manifest(iris, replaced(read_manifest(iris), ("metadata",), metadata))
    assert_refused(quick_program, "inspect", iris, code=3, named=("manifest.json", said), under=iris)
