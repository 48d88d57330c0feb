"""Opening a bundle: nothing is used whose digest has not been checked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import add_native_file, doubled, edit_manifest, fill_bundle, reseal
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "bundle"
    path.mkdir()
    fill_bundle(path)
    return path


def refusal(folder: Path) -> tuple[ExitCode, str]:
    with pytest.raises(FerryError) as caught:
        open_bundle(folder)
    return caught.value.code, str(caught.value)


def test_a_whole_bundle_opens_and_its_goldens_read_back(folder: Path) -> None:
    bundle = open_bundle(folder)
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    assert np.array_equal(case.float32["y"], doubled(case.inputs["x"])["y"])
    assert case.expected("float64")["y"].dtype == np.float64
    assert case.expected("float32")["y"].dtype == np.float32


def test_nothing_there_and_a_file_are_not_bundles(folder: Path) -> None:
    assert refusal(folder / "nothing") == (
        ExitCode.IO,
        f"{folder}/nothing: no such folder; check the path or run `ferry export`",
    )
    assert refusal(folder / "manifest.json")[0] == ExitCode.IO


def test_a_folder_without_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    code, text = refusal(folder)
    assert code == ExitCode.FORMAT
    assert "manifest.json" in text


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "model.onnxruntime").unlink()
    code, text = refusal(folder)
    assert code == ExitCode.INTEGRITY
    assert "model.onnxruntime" in text


def test_a_native_file_may_be_missing_and_is_then_left_out(folder: Path) -> None:
    native = add_native_file(folder)
    bundle = open_bundle(folder)
    assert [entry.path for entry in bundle.present(bundle.manifest.artifacts[0].files)][1:] == [str(native.relative_to(folder))]
    native.unlink()
    bundle = open_bundle(folder)
    assert [entry.path for entry in bundle.present(bundle.manifest.artifacts[0].files)] == ["model.onnxruntime"]


def test_an_unlisted_file_is_named(folder: Path) -> None:
    (folder / "golden" / "more.npy").write_bytes(b"")
    code, text = refusal(folder)
    assert code == ExitCode.INTEGRITY
    assert "golden/more.npy" in text


def test_size_and_digest_are_checked(folder: Path) -> None:
    (folder / "model.onnxruntime").write_bytes(b"not a modem")
    assert "sha256" in refusal(folder)[1]
    (folder / "model.onnxruntime").write_bytes(b"not a model!")
    code, text = refusal(folder)
    assert code == ExitCode.INTEGRITY
    assert "size: got 12 bytes, expected 11" in text


def test_a_link_is_resolved_once_and_what_it_led_to_is_kept(folder: Path) -> None:
    (folder / "model.onnxruntime").rename(folder.parent / "first")
    (folder / "model.onnxruntime").symlink_to(folder.parent / "first")
    bundle = open_bundle(folder)
    (folder / "model.onnxruntime").unlink()
    (folder / "model.onnxruntime").symlink_to("/dev/zero")
    (folder.parent / "first").unlink()
    assert bundle.read(bundle.manifest.artifacts[0].files[0]) == b"not a model"


def test_a_link_that_nobody_listed_is_refused_like_a_file_that_nobody_listed(folder: Path) -> None:
    (folder / "more").symlink_to(folder / "manifest.json")
    with pytest.raises(FerryError, match="more: got a file that the manifest does not list"):
        open_bundle(folder)


def test_the_manifest_may_be_a_link(folder: Path) -> None:
    (folder / "manifest.json").rename(folder.parent / "outside")
    (folder / "manifest.json").symlink_to(folder.parent / "outside")
    assert open_bundle(folder).manifest_json == (folder.parent / "outside").read_bytes()


def test_what_a_link_leads_to_is_held_to_the_digest(folder: Path) -> None:
    (folder.parent / "outside").write_bytes(b"not a modem")
    (folder / "model.onnxruntime").unlink()
    (folder / "model.onnxruntime").symlink_to(folder.parent / "outside")
    code, text = refusal(folder)
    assert code == ExitCode.INTEGRITY
    assert "sha256" in text


def test_a_pipe_is_refused_without_waiting_for_a_writer(folder: Path) -> None:
    (folder / "model.onnxruntime").unlink()
    os.mkfifo(folder / "model.onnxruntime")
    assert refusal(folder)[0] == ExitCode.INTEGRITY


def test_a_file_that_changes_after_opening_is_not_handed_out(folder: Path) -> None:
    bundle = open_bundle(folder)
    entry = bundle.manifest.artifacts[0].files[0]
    assert bundle.read(entry) == b"not a model"
    (folder / entry.path).write_bytes(b"not a modem")
    with pytest.raises(FerryError, match=r"sha256: got .* the file was changed") as caught:
        bundle.read(entry)
    assert caught.value.code == ExitCode.INTEGRITY


def test_a_lazy_bundle_checks_a_file_when_it_is_read(folder: Path) -> None:
    (folder / "model.onnxruntime").write_bytes(b"not a modem")
    bundle = open_bundle(folder, lazy=True)
    with pytest.raises(FerryError, match=r"model\.onnxruntime: sha256: got .* the file was changed") as caught:
        bundle.read(bundle.manifest.artifacts[0].files[0])
    assert caught.value.code == ExitCode.INTEGRITY


def test_a_lazy_bundle_checks_names_and_sizes_when_it_is_opened(folder: Path) -> None:
    (folder / "model.onnxruntime").write_bytes(b"not a model, longer")
    with pytest.raises(FerryError, match="size: got 19 bytes, expected 11"):
        open_bundle(folder, lazy=True)


def test_a_file_replaced_by_a_link_to_the_same_bytes_is_not_followed(folder: Path) -> None:
    bundle = open_bundle(folder)
    entry = bundle.manifest.artifacts[0].files[0]
    (folder / entry.path).rename(folder.parent / "outside")
    (folder / entry.path).symlink_to(folder.parent / "outside")
    with pytest.raises(FerryError, match="expected a regular file") as caught:
        bundle.read(entry)
    assert caught.value.code == ExitCode.INTEGRITY


def test_an_engine_without_artifact_is_unavailable(folder: Path) -> None:
    with pytest.raises(FerryError, match="it has onnxruntime") as caught:
        open_bundle(folder).artifact("torchscript")
    assert caught.value.code == ExitCode.UNAVAILABLE


def test_golden_inputs_outside_the_contract_are_a_format_error(folder: Path) -> None:
    np.save(folder / "golden" / "batch-3.input.x.npy", np.zeros((3, 5), np.float32))
    reseal(folder)
    bundle = open_bundle(folder)
    with pytest.raises(FerryError, match="golden case batch-3: input x") as caught:
        read_case(bundle, bundle.manifest.golden.cases[0])
    assert caught.value.code == ExitCode.FORMAT


def test_the_manifest_is_refused_before_any_file_is_looked_at(folder: Path) -> None:
    (folder / "model.onnxruntime").unlink()
    edit_manifest(folder, lambda value: value.update(surplus=1))
    assert refusal(folder)[0] == ExitCode.FORMAT
