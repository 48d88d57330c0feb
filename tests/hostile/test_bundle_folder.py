"""What lies in the folder must be what the manifest lists: regular files, all of them, unchanged (FORMAT.md section 1)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.bundles import add_native_file, edit_manifest
from builders.programs import Program
from hostile.permissions import obey_permissions, require_bound_by_permissions
from hostile.refusal import assert_refused

ARTIFACT = "model.onnx"
GOLDEN = "golden/batch-64.float32.net_input.npy"


def put_fifo(path: Path) -> None:
    os.mkfifo(path)


def put_socket(path: Path) -> None:
    # A socket's path may have 107 bytes only; bind it by its name in its folder.
    server = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        server.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)
        server.close()


def put_folder(path: Path) -> None:
    path.mkdir()


def put_link_to_file(path: Path) -> None:
    target = path.parents[1] / "outside"
    target.write_bytes(b"x")
    path.symlink_to(target)


def put_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def put_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def put_file(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")


SPECIAL = [put_fifo, put_socket, put_link_to_itself, put_link_to_nothing]


@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_a_missing_bundle_is_refused(quick_program: Program, tmp_path: Path, verb: str) -> None:
    assert_refused(quick_program, verb, tmp_path / "none", code=6, named=str(tmp_path / "none"), under=tmp_path)


def test_a_bundle_without_a_name_is_refused(
    quick_program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iris: Path
) -> None:
    monkeypatch.chdir(iris)
    assert_refused(quick_program, "inspect", "", code=6, under=tmp_path)


def test_a_file_in_the_place_of_the_bundle_is_refused(quick_program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"{}")
    assert_refused(quick_program, "inspect", tmp_path / "file", code=6, named=str(tmp_path / "file"), under=tmp_path)


def test_an_empty_folder_is_refused(quick_program: Program, tmp_path: Path) -> None:
    assert_refused(quick_program, "inspect", tmp_path, code=3, named="manifest.json", under=tmp_path)


def test_an_empty_manifest_is_refused(form: Program, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"")
    assert_refused(form, "inspect", tmp_path, code=3, named="manifest.json", under=tmp_path)


@pytest.mark.parametrize("put", [put_folder, *SPECIAL])
@pytest.mark.parametrize("name", ["manifest.json", ARTIFACT, GOLDEN])
def test_what_is_no_regular_file_is_refused(quick_program: Program, iris: Path, name: str, put: Callable[[Path], None]) -> None:
    (iris / name).unlink()
    put(iris / name)
    assert_refused(quick_program, "inspect", iris, code=4, named=name, under=iris.parent)


@pytest.mark.parametrize("put", [*SPECIAL, put_link_to_file])
@pytest.mark.parametrize("name", ["extra", "golden/extra"])
def test_an_extra_special_file_is_refused(quick_program: Program, iris: Path, name: str, put: Callable[[Path], None]) -> None:
    put(iris / name)
    assert_refused(quick_program, "inspect", iris, code=4, named=name, under=iris.parent)


def test_a_device_in_the_bundle_is_refused(quick_program: Program, iris: Path) -> None:
    (iris / ARTIFACT).unlink()
    try:
        os.mknod(iris / ARTIFACT, 0o666 | 0o020000, os.makedev(1, 5))  # /dev/zero: reading it would never end
    except PermissionError:
        pytest.skip("only root may make a device")
    assert_refused(quick_program, "inspect", iris, code=4, named=ARTIFACT, under=iris.parent)


@pytest.mark.parametrize("name", [ARTIFACT, GOLDEN])
def test_a_missing_file_is_refused(form: Program, iris: Path, name: str) -> None:
    (iris / name).unlink()
    assert_refused(form, "inspect", iris, code=4, named=name, under=iris.parent)


def test_a_native_file_may_be_missing(form: Program, iris: Path) -> None:
    native = add_native_file(iris)
    assert form("inspect", iris).code == 0
    shutil.rmtree(native.parents[1])
    assert form("inspect", iris).code == 0


def test_a_native_file_that_is_there_is_checked_like_every_other(quick_program: Program, iris: Path) -> None:
    native = add_native_file(iris)
    native.write_bytes(b"machine cod3")
    assert_refused(quick_program, "inspect", iris, code=4, named=("native/", "sha256"), under=iris.parent)
    native.write_bytes(b"machine")
    assert_refused(quick_program, "inspect", iris, code=4, named=("native/", "size"), under=iris.parent)
    native.unlink()
    native.symlink_to(iris / "manifest.json")
    assert_refused(quick_program, "inspect", iris, code=4, named="native/", under=iris.parent)


def test_a_native_file_that_is_not_listed_is_refused(form: Program, iris: Path) -> None:
    native = add_native_file(iris)
    native.with_name("other.so").write_bytes(b"evil")
    assert_refused(form, "inspect", iris, code=4, named="other.so", under=iris.parent)


@pytest.mark.parametrize("group", ["artifact", "inputs", "float32", "float64"])
def test_a_file_that_is_needed_is_never_native(form: Program, iris: Path, group: str) -> None:
    """Else a bundle could be opened without its model or its goldens."""

    def move(value: Any) -> None:
        case = value["golden"]["cases"][0]
        entry = value["artifacts"][0]["files"][0] if group == "artifact" else next(iter(case[group].values()))
        (iris / "native").mkdir()
        (iris / entry["path"]).rename(iris / "native" / "file")
        entry["path"] = "native/file"

    edit_manifest(iris, move)
    assert_refused(form, "inspect", iris, code=3, named="native/file", under=iris.parent)


def test_a_missing_golden_folder_is_refused(form: Program, iris: Path) -> None:
    shutil.rmtree(iris / "golden")
    assert_refused(form, "inspect", iris, code=4, named="golden/", under=iris.parent)


@pytest.mark.parametrize(
    "name",
    [
        "extra",
        "golden/extra.npy",
        "golden/README.md",
        "x/a.minisig",
        "minisig",
        "folder/extra",
        "manifest.json~",
        "MANIFEST.JSON",
    ],
)
def test_an_extra_file_is_refused(form: Program, iris: Path, name: str) -> None:
    put_file(iris / name)
    assert_refused(form, "inspect", iris, code=4, named=name, under=iris.parent)


@pytest.mark.parametrize(
    "name", [b"two\nlines", b"\x1b[2Jclear", b"\xff\xfe", "caf\u00e9".encode(), "\u009b2J".encode(), "a\u2028b".encode()]
)
def test_the_name_of_an_extra_file_cannot_break_the_message(form: Program, iris: Path, name: bytes) -> None:
    put_file(iris / os.fsdecode(name))
    assert_refused(form, "inspect", iris, code=4, named=str(iris), under=iris.parent)


def test_a_file_below_a_thousand_folders_is_refused(quick_program: Program, iris: Path) -> None:
    # 2,020 bytes of path: deeper than Python's recursion limit, shorter than the system's longest path.
    folder = os.open(iris, os.O_RDONLY)
    for _ in range(1010):
        os.mkdir("d", dir_fd=folder)
        above, folder = folder, os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(above)
    os.close(os.open("extra", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    try:
        assert_refused(quick_program, "inspect", iris, code=4, named="/d/d/d/", under=iris / "golden")
    finally:  # pytest's own clean-up recurses
        subprocess.run(["rm", "-r", iris / "d"], check=True)


def test_a_linked_golden_folder_is_refused(quick_program: Program, iris: Path) -> None:
    (iris / "golden").rename(iris.parent / "golden")
    (iris / "golden").symlink_to(iris.parent / "golden")
    assert_refused(quick_program, "inspect", iris, code=4, named="golden", under=iris.parent)


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"\0", lambda _: b""], ids=["short", "long", "empty"]
)
@pytest.mark.parametrize("name", [ARTIFACT, "model.ts.pt", "model.export.pt2", GOLDEN])
def test_a_wrong_size_is_refused(form: Program, iris: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    (iris / name).write_bytes(change((iris / name).read_bytes()))
    assert_refused(form, "inspect", iris, code=4, named=(name, "size"), under=iris.parent)


def test_two_files_in_each_others_place_are_refused(form: Program, iris: Path) -> None:
    one, other = iris / "golden/batch-64.float32.label.npy", iris / "golden/batch-64.float64.net_input.npy"
    first, second = one.read_bytes(), other.read_bytes()
    assert len(first) == len(second)
    one.write_bytes(second)
    other.write_bytes(first)
    assert_refused(form, "inspect", iris, code=4, named=("batch-64.float", "sha256"), under=iris.parent)


def test_an_empty_folder_beside_the_files_is_no_file(form: Program, iris: Path) -> None:
    (iris / "empty").mkdir()
    assert form("inspect", iris).code == 0


@pytest.mark.parametrize("name", ["", "manifest.json", ARTIFACT, "golden"])
def test_what_may_not_be_read_is_refused(program: Program, iris: Path, name: str) -> None:
    (iris / name).chmod(0)
    require_bound_by_permissions(iris / name)
    try:
        assert_refused(program, "inspect", iris, code=6, named=str(iris), under=iris.parent, preexec_fn=obey_permissions)
    finally:
        (iris / name).chmod(0o755)


@pytest.mark.parametrize("verb", ["inspect", "verify", "predict"])
def test_every_verb_refuses_a_broken_bundle(program: Program, iris: Path, verb: str) -> None:
    (iris / "extra").write_bytes(b"")
    options = (
        ["--input", iris / "golden/batch-1.input.measurements.npy", "--output", iris.parent / "out.jsonl"]
        if verb == "predict"
        else []
    )
    assert_refused(program, verb, iris, *options, code=4, named="extra", under=iris.parent)
