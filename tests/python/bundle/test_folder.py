"""A bundle's folder: links to files are followed, links to folders and to devices are not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from torchferry.bundle.folder import Folder
from torchferry.errors import ExitCode, FerryError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.npy").write_bytes(b"numbers")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "model.onnx").write_bytes(b"model")
    return bundle


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(FerryError) as caught:
        call()
    assert caught.value.code == ExitCode.INTEGRITY
    return str(caught.value)


def test_a_link_to_a_file_is_a_file(folder: Path) -> None:
    (folder / "golden.npy").symlink_to(folder.parent / "outside" / "a.npy")
    assert Folder(folder).list(["golden.npy"]).sizes == {"model.onnx": 5, "golden.npy": 7}
    assert Folder(folder).open("golden.npy").read_at(0, 7) == b"numbers"


def test_no_file_is_opened_through_a_link_to_a_folder(folder: Path) -> None:
    (folder / "golden").symlink_to(folder.parent / "outside")
    assert "golden/a.npy: got a special file" in refusal(lambda: Folder(folder).open("golden/a.npy"))


@pytest.mark.parametrize("target", ["/dev/zero", "../outside", "nowhere"])
def test_a_link_to_anything_but_a_file_is_refused_when_the_folder_is_listed(folder: Path, target: str) -> None:
    (folder / "golden.npy").symlink_to(target)
    assert "golden.npy: got a special file" in refusal(lambda: Folder(folder).list(["golden.npy"]))


def test_a_pipe_is_refused_without_waiting_for_a_writer(folder: Path) -> None:
    os.mkfifo(folder / "golden.npy")
    assert "golden.npy: got a special file" in refusal(lambda: Folder(folder).list(["golden.npy"]))
    assert "golden.npy: got a special file" in refusal(lambda: Folder(folder).open("golden.npy"))
