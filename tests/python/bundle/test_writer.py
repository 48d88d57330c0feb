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


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that cannot exchange two folders in one step."""
    monkeypatch.setattr("torchferry.bundle.publish._exchange", lambda *_: False)


@pytest.mark.usefixtures("no_exchange")
def test_without_an_exchange_a_bundle_is_replaced_too(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", "first")
    publish(tmp_path / "bundle", "second", force=True)
    assert open_bundle(tmp_path / "bundle").manifest.name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.usefixtures("no_exchange")
def test_a_rename_that_fails_puts_the_old_bundle_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "bundle"
    publish(target, "first")
    rename = Path.rename

    def fail_on_staging(self: Path, goal: Path) -> Path:
        if goal == target and not self.name.endswith("-old"):
            raise OSError(28, "No space left on device")
        return rename(self, goal)

    monkeypatch.setattr(Path, "rename", fail_on_staging)
    with pytest.raises(FerryError, match="No space") as caught:
        publish(target, "second", force=True)
    assert caught.value.code == ExitCode.IO
    monkeypatch.undo()
    assert open_bundle(target).manifest.name == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_second_writer_is_refused_in_a_line(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    publish(target, "first")
    with staging_folder(target, force=True) as folder:
        fill_bundle(folder, name="second")
        with pytest.raises(FerryError, match="another writer") as caught:
            publish(target, "third", force=True)
        assert caught.value.code == ExitCode.IO
    assert open_bundle(target).manifest.name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_an_opened_bundle_stays_whole_while_it_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchferry.bundle.publish._PATIENCE_S", 0.0)
    target = tmp_path / "bundle"
    publish(target, "first")
    opened = open_bundle(target)
    publish(target, "second", force=True)
    for entry in opened.manifest.files():
        opened.read(entry)
    assert open_bundle(target).manifest.name == "second"
    del opened
    publish(target, "third", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"], "the next writer removes what readers had kept"


def test_what_a_killed_writer_left_is_removed_by_the_next_and_nothing_else(tmp_path: Path) -> None:
    for name in (".bundle.ferry-abcd_123", ".bundle.ferry-mine", ".other.ferry-abcd_123", ".bundle.backup"):
        (tmp_path / name).mkdir()
    (tmp_path / ".bundle.ferry-lock").touch()
    publish(tmp_path / "bundle", "first")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"bundle", ".bundle.ferry-mine", ".other.ferry-abcd_123", ".bundle.backup"}


def test_an_old_bundle_that_was_set_aside_is_read_and_put_back(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    publish(target, "first")
    target.rename(tmp_path / ".bundle.ferry-old")
    assert open_bundle(target).manifest.name == "first"
    with pytest.raises(FerryError, match="use --force"):
        publish(target, "second")
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
