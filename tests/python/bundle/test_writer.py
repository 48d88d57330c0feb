"""Writing a bundle: all of it or nothing, and never over something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builders.bundles import fill_bundle
from torchferry.bundle.reader import open_bundle
from torchferry.bundle.writer import check_target, file_entry, staging_folder
from torchferry.errors import ExitCode, FerryError


def publish(target: Path, name: str, *, force: bool = False, spoil: Callable[[Path], object] | None = None) -> None:
    with staging_folder(target, force=force) as folder:
        fill_bundle(folder, name=name)
        if spoil is not None:
            spoil(folder)


def refusal(target: Path, *, force: bool) -> str:
    with pytest.raises(FerryError) as caught:
        check_target(target, force=force)
    assert caught.value.code == ExitCode.IO
    return str(caught.value)


def test_a_bundle_appears_whole_and_alone(tmp_path: Path) -> None:
    publish(tmp_path / "deep" / "new", "first")
    assert open_bundle(tmp_path / "deep" / "new").manifest.name == "first"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["new"]
    assert (tmp_path / "deep" / "new").stat().st_mode & 0o777 == 0o755


def test_an_existing_bundle_is_replaced_only_with_force(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    publish(target, "first")
    with pytest.raises(FerryError, match="use --force"):
        publish(target, "second")
    assert open_bundle(target).manifest.name == "first"
    publish(target, "second", force=True)
    assert open_bundle(target).manifest.name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_force_replaces_bundles_only(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    publish(tmp_path / "bundle", "first")
    (tmp_path / "link").symlink_to(tmp_path / "bundle")
    for name in ("folder", "file", "link"):
        assert "not a bundle" in refusal(tmp_path / name, force=True)
        assert "--force" in refusal(tmp_path / name, force=False)
    check_target(tmp_path / "nothing", force=False)


def test_a_failure_while_writing_leaves_the_old_bundle_whole(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    publish(target, "first")

    def fail(folder: Path) -> None:
        raise RuntimeError(f"the exporter failed in {folder}")

    with pytest.raises(RuntimeError, match="exporter"):
        publish(target, "second", force=True, spoil=fail)
    assert open_bundle(target).manifest.name == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_an_incomplete_bundle_is_never_published(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    publish(target, "first")
    with pytest.raises(FerryError, match="manifest"):
        publish(target, "second", force=True, spoil=lambda folder: (folder / "surplus").write_text("unlisted"))
    assert open_bundle(target).manifest.name == "first"


def test_a_rename_that_fails_puts_the_old_bundle_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "bundle"
    publish(target, "first")
    rename = Path.rename

    def fail_on_staging(self: Path, goal: Path) -> Path:
        if goal == target and not self.name.endswith(".old"):
            raise OSError(28, "No space left on device")
        return rename(self, goal)

    monkeypatch.setattr(Path, "rename", fail_on_staging)
    with pytest.raises(OSError, match="No space"):
        publish(target, "second", force=True)
    monkeypatch.undo()
    assert open_bundle(target).manifest.name == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_place_that_cannot_be_written_is_an_io_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FerryError, match="choose another --out") as caught:
        publish(tmp_path / "file" / "bundle", "first")
    assert caught.value.code == ExitCode.IO


def test_a_file_entry_holds_size_and_digest(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    entry = file_entry(tmp_path, "x")
    assert (entry.path, entry.bytes) == ("x", 3)
    assert entry.sha256.startswith("ba7816bf")
