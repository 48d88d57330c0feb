"""Bundles where models live: links to files are judged by the bytes that they lead to, everything else is refused."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from builders.bundles import edit_manifest
from builders.programs import Program
from hostile.refusal import assert_refused
from torchferry.bundle.reader import open_bundle
from torchferry.errors import FerryError

REVISION = "8d7c1bf0f3a1"


@pytest.fixture
def hub(iris: Path, tmp_path: Path) -> Path:
    """The snapshot of a Hugging Face cache: every file is a link into `blobs`, by its digest; folders are folders."""
    model = tmp_path / "models--someone--iris"
    snapshot = model / "snapshots" / REVISION
    (model / "blobs").mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(REVISION)
    (iris / "README.md").write_text("# Iris")
    (iris / ".gitattributes").write_text("*.onnx filter=lfs")
    for file in sorted(path for path in iris.rglob("*") if path.is_file()):
        link = snapshot / file.relative_to(iris)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = model / "blobs" / sha256(file.read_bytes()).hexdigest()
        shutil.copy(file, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


def flatten(folder: Path) -> None:
    """Move the goldens beside the manifest: the keys of a ConfigMap have no folders."""

    def move(value: Any) -> None:
        for case in value["golden"]["cases"]:
            for group in ("inputs", "float32", "float64"):
                for entry in case[group].values():
                    flat = entry["path"].replace("/", ".")
                    (folder / entry["path"]).rename(folder / flat)
                    entry["path"] = flat

    edit_manifest(folder, move)
    (folder / "golden").rmdir()


@pytest.fixture
def volume(iris: Path, tmp_path: Path) -> Path:
    """A mounted ConfigMap: `NAME -> ..data/NAME`, `..data -> ..REVISION`, a hidden folder with the files."""
    flatten(iris)
    mounted = tmp_path / "volume"
    mounted.mkdir()
    shutil.copytree(iris, mounted / "..2026_11_25_22_00_00.1")
    (mounted / "..data").symlink_to("..2026_11_25_22_00_00.1")
    for file in iris.iterdir():
        (mounted / file.name).symlink_to(f"..data/{file.name}")
    return mounted


@contextmanager
def repeated(action: Callable[[int], object]) -> Iterator[None]:
    """Call `action(0)`, `action(1)`, ... in a thread while the block runs; at least once."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        count = 0
        try:
            while not stop.is_set() or not count:
                action(count)
                count += 1
        except BaseException as error:  # shown below, in the test's own thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures, failures


@pytest.mark.parametrize("place", ["hub", "volume"])
def test_a_bundle_of_links_opens_and_is_verified(
    program: Program, request: pytest.FixtureRequest, place: str, engine: str
) -> None:
    folder: Path = request.getfixturevalue(place)
    assert all(path.is_symlink() for path in folder.glob("m*"))
    assert program("inspect", folder).code == 0
    assert program("verify", folder, "--engine", engine).code == 0


def test_what_is_passed_over_is_said(quick_program: Program, hub: Path, volume: Path) -> None:
    text = quick_program("inspect", hub).stdout.decode()
    assert "ignored" in text
    assert "README.md" in text
    assert ".gitattributes" in text
    assert "..data" in quick_program("inspect", volume).stdout.decode()


def test_a_blob_with_another_bit_is_refused(quick_program: Program, hub: Path) -> None:
    blob = (hub / "model.onnx").resolve()
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    assert_refused(quick_program, "inspect", hub, code=4, named=("model.onnx", "sha256"), under=hub.parents[1])


def test_a_link_to_another_file_of_the_bundle_is_refused(quick_program: Program, hub: Path) -> None:
    (hub / "model.onnx").unlink()
    (hub / "model.onnx").symlink_to("model.ts.pt")
    assert_refused(quick_program, "inspect", hub, code=4, named="model.onnx", under=hub.parents[1])


@pytest.mark.parametrize(
    "target", ["/dev/zero", "/dev/null", "/dev/tty", "golden", ".", "/", "nowhere", "model.onnx", "../pipe", "/proc/self/fd"]
)
@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "golden/batch-64.float32.net_input.npy", "extra"])
def test_a_link_to_what_is_no_file_is_refused(quick_program: Program, iris: Path, name: str, target: str) -> None:
    os.mkfifo(iris.parent / "pipe")
    (iris / name).unlink(missing_ok=True)
    (iris / name).symlink_to(target if name != "extra" or target != "model.onnx" else "extra")
    if not (iris / name).is_file():  # model.onnx as an extra name or in the manifest's place is a file
        assert_refused(quick_program, "inspect", iris, code=4, named=name, under=iris.parent)


@pytest.mark.parametrize("target", ["golden", "..", "/etc"])
def test_a_folder_that_is_a_link_is_refused(quick_program: Program, iris: Path, target: str) -> None:
    (iris / "more").symlink_to(target)
    assert_refused(quick_program, "inspect", iris, code=4, named="more", under=iris.parent)


def test_a_loop_of_links_is_refused(quick_program: Program, iris: Path) -> None:
    (iris / "model.onnx").unlink()
    (iris / "model.onnx").symlink_to("../one")
    (iris.parent / "one").symlink_to("two")
    (iris.parent / "two").symlink_to("one")
    assert_refused(quick_program, "inspect", iris, code=4, named="model.onnx", under=iris.parent)


def test_a_config_map_that_is_replaced_during_the_check_is_seen_whole(quick_program: Program, volume: Path) -> None:
    """Manifest and digests change together; a reader that mixed two revisions would answer 4."""

    def replace(count: int) -> None:
        revision = f"..2027_{count}"
        source = volume / (volume / "..data").readlink()
        shutil.copytree(source, volume / revision)
        change_golden(volume / revision, count)
        (volume / "..data_tmp").symlink_to(revision)
        (volume / "..data_tmp").rename(volume / "..data")
        time.sleep(0.02)
        shutil.rmtree(source)

    with repeated(replace):
        for _ in range(40):
            done = quick_program("inspect", volume)
            assert done.code == 0, done.stderr


def change_golden(folder: Path, count: int) -> None:
    """Append to an artifact, and say so in the manifest."""
    data = (folder / "model.ts.pt").read_bytes()[:100] + str(count).encode()
    (folder / "model.ts.pt").write_bytes(data)

    def tell(value: Any) -> None:
        for artifact in value["artifacts"]:
            for entry in artifact["files"]:
                if entry["path"] == "model.ts.pt":
                    entry.update(bytes=len(data), sha256=sha256(data).hexdigest())

    edit_manifest(folder, tell)


def test_a_link_that_is_swapped_during_the_check_never_gives_other_bytes(iris: Path) -> None:
    right = (iris / "model.onnx").read_bytes()
    (iris.parent / "right").write_bytes(right)
    (iris.parent / "wrong").write_bytes(bytes(len(right)))
    (iris / "model.onnx").unlink()
    (iris / "model.onnx").symlink_to("../right")

    def swap(count: int) -> None:
        (iris.parent / "new").symlink_to(iris.parent / ("right", "wrong", "nowhere")[count % 3])
        (iris.parent / "new").rename(iris / "model.onnx")

    opened, refused = 0, []
    with repeated(swap):
        for _ in range(400):
            try:
                bundle = open_bundle(iris)
            except FerryError as error:
                refused.append(str(error))
                continue
            entry = next(entry for entry in bundle.manifest.files() if entry.path == "model.onnx")
            assert bundle.read(entry) == right
            opened += 1
    assert opened
    assert all("model.onnx" in text for text in refused)
