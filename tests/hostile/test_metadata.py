"""`metadata`: a bounded map of texts, the same set in both programs; a bundle of the version before is still read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from builders.programs import ROOT, Program
from hostile.documents import read_manifest, replaced, write_manifest
from hostile.refusal import assert_refused

VERSION_1 = ROOT / "tests" / "python" / "bundle" / "version-1" / "iris-adaline"
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


def test_a_bundle_of_version_1_opens_and_inspect_says_what_it_lacks(quick_program: Program) -> None:
    done = quick_program("inspect", VERSION_1)
    assert done.code == 0, done.stderr
    assert "format 1" in done.stdout.decode()
    assert "format version 1" in next(line for line in done.stdout.decode().splitlines() if line.startswith("metadata"))


def test_a_bundle_of_version_1_is_verified(program: Program, engine: str) -> None:
    assert program("verify", VERSION_1, "--engine", engine).code == 0


def test_version_1_has_no_metadata_and_version_2_must_have_it(quick_program: Program, tmp_path: Path) -> None:
    old = Path(shutil.copytree(VERSION_1, tmp_path / "old"))
    document = read_manifest(old)
    write_manifest(old, {**document, "metadata": {}})
    assert_refused(quick_program, "inspect", old, code=3, named=("manifest.json", "metadata"), under=old)
    write_manifest(old, {**document, "format_version": 2})
    assert_refused(quick_program, "inspect", old, code=3, named=("manifest.json", "metadata"), under=old)


def test_a_flipped_bit_in_a_bundle_of_version_1_is_refused(quick_program: Program, tmp_path: Path) -> None:
    old = Path(shutil.copytree(VERSION_1, tmp_path / "old"))
    data = bytearray((old / "model.onnx").read_bytes())
    data[99] ^= 1
    (old / "model.onnx").write_bytes(data)
    assert_refused(quick_program, "inspect", old, code=4, named="model.onnx", under=old)
