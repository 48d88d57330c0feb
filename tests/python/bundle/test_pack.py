"""`NAME.ferry`: the folder as one file, the same bytes each time, the same answers in every form."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from builders.forms import zip_folder
from builders.programs import ROOT, Program
from builders.spread import spread
from torchferry.bundle.pack import pack
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.errors import ExitCode, FerryError

IRIS = ROOT / "exported" / "iris-adaline"
GOLDEN = IRIS / "golden" / "batch-1.input.measurements.npy"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    target = tmp_path / "iris.ferry"
    pack(open_bundle(IRIS), target)
    return target


def verdicts(program: Program, bundle: Path, engine: str) -> object:
    done = program("verify", bundle, "--json", "--engine", engine)
    assert done.code == 0, done.stderr
    value = json.loads(done.stdout)
    assert value.pop("bundle") == str(bundle)
    return value


def test_every_file_of_the_folder_is_in_it_stored_and_sorted(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()
        assert names == sorted(str(path.relative_to(IRIS)) for path in IRIS.rglob("*") if path.is_file())
        assert all(archive.read(name) == (IRIS / name).read_bytes() for name in names)
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_same_bundle_is_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(IRIS, tmp_path / "copy"))
    for file in copy.rglob("*"):
        os.utime(file, (1, 1))
    pack(open_bundle(copy), tmp_path / "again.ferry")
    pack(open_bundle(packed), tmp_path / "packed-again.ferry")
    assert packed.read_bytes() == (tmp_path / "again.ferry").read_bytes() == (tmp_path / "packed-again.ferry").read_bytes()


def test_signatures_go_along_and_hidden_files_stay(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(IRIS, tmp_path / "copy"))
    (copy / "manifest.json.minisig").write_bytes(b"signed")
    (copy / ".git").mkdir()
    pack(open_bundle(copy), tmp_path / "one.ferry")
    assert open_bundle(tmp_path / "one.ferry").ignored == ("manifest.json.minisig",)


@pytest.mark.parametrize("engine", spread(["onnxruntime", "torchscript"], 1))
def test_verdicts_are_those_of_the_folder(program: Program, packed: Path, engine: str) -> None:
    assert verdicts(program, packed, engine) == verdicts(program, IRIS, engine)


def test_predictions_are_those_of_the_folder(program: Program, packed: Path) -> None:
    options = ("--input", GOLDEN, "--engine", "onnxruntime")
    assert program("predict", packed, *options).stdout == program("predict", IRIS, *options).stdout != b""


def test_bytes_in_memory_read_as_the_folder(packed: Path) -> None:
    folder, memory = open_bundle(IRIS), Bundle.from_memory(bytearray(packed.read_bytes()))
    assert str(memory.folder) == "memory"
    assert memory.manifest == folder.manifest
    assert [memory.read(entry) for entry in memory.manifest.files()] == [folder.read(entry) for entry in folder.manifest.files()]


def test_an_existing_file_is_replaced_with_force_only(packed: Path) -> None:
    packed.write_bytes(b"mine")
    with pytest.raises(FerryError, match="--force") as caught:
        pack(open_bundle(IRIS), packed)
    assert (caught.value.code, packed.read_bytes()) == (ExitCode.IO, b"mine")
    pack(open_bundle(IRIS), packed, force=True)
    open_bundle(packed)
    assert list(packed.parent.iterdir()) == [packed]


def test_a_file_that_is_cut_while_it_is_open_is_refused_and_no_crash(packed: Path) -> None:
    bundle = open_bundle(packed)
    os.truncate(packed, 100)
    with pytest.raises(FerryError) as caught:
        bundle.read(bundle.manifest.artifacts[0].files[0])
    assert caught.value.code == ExitCode.INTEGRITY


def test_every_cut_is_refused(program: Program, packed: Path) -> None:
    whole = packed.read_bytes()
    for size in (4, 100, len(whole) // 2, len(whole) - 1):
        packed.write_bytes(whole[:size])
        done = program("inspect", packed)
        assert (done.code, done.stderr.count("\n")) == (3, 1), done.stderr


def test_a_compressed_or_doubled_archive_is_refused(program: Program, tmp_path: Path) -> None:
    target = tmp_path / "deflated.ferry"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in IRIS.rglob("*"):
            archive.write(file, file.relative_to(IRIS))
    assert program("inspect", target).code == 3
    target.write_bytes(b"PK\x03\x04" + zip_folder(IRIS, tmp_path / "whole.ferry").read_bytes())
    assert program("inspect", target).code == 3


@pytest.mark.parametrize("name", ["../evil", "/evil", "./model.onnx", "golden//x", "..", "golden/"])
def test_a_strange_entry_is_refused(program: Program, tmp_path: Path, name: str) -> None:
    target = zip_folder(IRIS, tmp_path / "one.ferry")
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x" if not name.endswith("/") else b"")
    assert program("inspect", target).code == 4
