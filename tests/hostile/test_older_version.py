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
    assert "contract.samples" in lacks


def test_a_bundle_of_version_2_is_verified(program: Program, engine: str) -> None:
    assert program("verify", VERSION_2, "--engine", engine).code == 0


def test_version_2_has_no_samples_and_version_3_must_have_it(quick_program: Program, old: Path) -> None:
    document = read_manifest(old)
    write_manifest(old, replaced(document, ("contract", "samples"), "independent"))
    assert_refused(quick_program, "inspect", old, code=3, named=("manifest.json", "contract.samples"), under=old)
    write_manifest(old, {**document, "format_version": 3})
    assert_refused(quick_program, "inspect", old, code=3, named=("manifest.json", "contract.samples"), under=old)


def test_a_bundle_of_version_1_is_refused(quick_program: Program, old: Path) -> None:
    write_manifest(old, {**read_manifest(old), "format_version": 1})
    assert_refused(quick_program, "inspect", old, code=3, named=("manifest.json", "format_version"), under=old)


def test_a_flipped_bit_in_a_bundle_of_version_2_is_refused(quick_program: Program, old: Path) -> None:
    data = bytearray((old / "model.onnx").read_bytes())
    data[99] ^= 1
    (old / "model.onnx").write_bytes(data)
    assert_refused(quick_program, "inspect", old, code=4, named="model.onnx", under=old)
