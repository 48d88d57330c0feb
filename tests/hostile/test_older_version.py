"""A bundle of the format version before is still read, as what it is; one of an older version is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders.programs import ROOT, Program
from hostile.documents import read_manifest, replaced, write_manifest
from hostile.refusal import assert_refused

VERSION_2 = ROOT / "tests" / "python" / "bundle" / "version-2" / "iris-adaline"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(VERSION_2, tmp_path / "old"))


def test_a_bundle_of_version_2_opens_and_inspect_says_what_it_lacks(quick_program: Program) -> None:
    done = quick_program("inspect", VERSION_2)
    assert done.code == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert "format 2" in lines[0]
    (lacks,) = (line for line in lines if line.startswith("lacks"))
    assert all(key in lacks for key in ("artifacts.accepted", "contract.samples", "golden.cases.origin"))


def test_a_bundle_of_version_2_is_verified(program: Program, engine: str) -> None:
    assert program("verify", VERSION_2, "--engine", engine).code == 0


ADDED = {
    "contract.samples": ("contract", "samples"),
    "artifacts[0].accepted": ("artifacts", 0, "accepted"),
    "golden.cases[0].origin": ("golden", "cases", 0, "origin"),
}


@pytest.mark.parametrize("key", ADDED)
def test_version_2_does_not_have_what_version_3_added(quick_program: Program, old: Path, key: str) -> None:
    write_manifest(old, replaced(read_manifest(old), ADDED[key], "independent"))
    assert_refused(quick_program, "inspect", old, code=3, named=("manifest.json", key), under=old)


def test_version_3_must_have_it(quick_program: Program, old: Path) -> None:
    write_manifest(old, {**read_manifest(old), "format_version": 3})
    assert_refused(quick_program, "inspect", old, code=3, named="manifest.json", under=old)


def test_a_bundle_of_version_1_is_refused(quick_program: Program, old: Path) -> None:
    write_manifest(old, {**read_manifest(old), "format_version": 1})
    assert_refused(quick_program, "inspect", old, code=3, named=("manifest.json", "format_version"), under=old)


def test_a_flipped_bit_in_a_bundle_of_version_2_is_refused(quick_program: Program, old: Path) -> None:
    data = bytearray((old / "model.onnx").read_bytes())
    data[99] ^= 1
    (old / "model.onnx").write_bytes(data)
    assert_refused(quick_program, "inspect", old, code=4, named="model.onnx", under=old)
