"""`ferry push` and `ferry pull`: what a repository holds, on files, and with a Hub that is a folder of this test."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from builders.programs import ROOT, run_here
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.integrations import hub
from torchferry.integrations.card import model_card

BUNDLE = ROOT / "exported" / "iris-adaline"


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_writes_the_bundle_with_a_card_and_uploads_nothing(tmp_path: Path) -> None:
    done = run_here("push", BUNDLE, "me/iris", "--dry-run", tmp_path / "layout")
    assert (done.code, done.stderr) == (0, "")
    written = files_below(tmp_path / "layout")
    card = written.pop("README.md").decode()
    assert written == {path: data for path, data in files_below(BUNDLE).items() if not path.endswith(".lock")}
    assert (
        done.stdout.decode()
        == f"wrote {tmp_path / 'layout'}: {len(written) + 1} files that me/iris would have; nothing was uploaded\n"
    )
    assert run_here("verify", tmp_path / "layout", "--engine", "onnxruntime").code == 0
    assert "| onnxruntime | cpu | net_input | absolute 9.92e-07 |" in card
    assert "Check it: `ferry pull me/iris --out FOLDER`, then `ferry verify FOLDER`." in card


@pytest.mark.parametrize("name", ["me iris", "iris", "me/iris/more", "me/../iris"])
def test_a_dry_run_refuses_the_names_that_a_push_refuses(name: str, tmp_path: Path) -> None:
    done = run_here("push", BUNDLE, name, "--dry-run", tmp_path / "layout")
    assert (done.code, done.stdout) == (ExitCode.USAGE, b"")
    assert done.stderr == f"error: repository: got {name!r}, expected OWNER/NAME\n"
    assert not (tmp_path / "layout").exists()


def test_a_card_beside_a_bundle_of_no_repository_names_none() -> None:
    assert "Check it: `ferry verify FOLDER`." in model_card(open_bundle(BUNDLE))


def test_the_hubs_own_parser_reads_the_metadata_of_the_card() -> None:
    repocard = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: pip install 'torchferry[hub]'")
    data = repocard.ModelCard(model_card(open_bundle(BUNDLE))).data
    assert data.library_name == "torchferry"
    assert data.license == "bsd-3-clause"
    assert set(data.tags) >= {"torchferry", "onnx", "torchscript"}


def test_a_card_that_the_bundle_has_is_kept(bundle_copy: Path, tmp_path: Path) -> None:
    (bundle_copy / "README.md").write_text("mine\n")
    hub.write_layout(open_bundle(bundle_copy), tmp_path / "layout")
    assert (tmp_path / "layout" / "README.md").read_text() == "mine\n"


def test_texts_of_a_bundle_cannot_become_markup() -> None:
    bundle = open_bundle(BUNDLE)
    hostile = bundle.manifest.model_copy(update={"metadata": {"licence": "a\n---\nb: [", "note": "<script>|x|</script>\x1b[2J"}})
    card = model_card(SimpleNamespace(manifest=hostile, manifest_json=b"{}"))  # type: ignore[arg-type]
    assert "<script>" not in card
    assert "\x1b" not in card
    assert card.count("\n---\n") == 1  # the end of the metadata
    assert r'license_name: "a\n---\nb: ["' in card


class FakeHub:
    """The client's three calls, on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.created: list[tuple[str, bool]] = []

    def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        self.created.append((name, private))

    def upload_folder(self, *, repo_id: str, folder_path: Path, delete_patterns: str, commit_message: str) -> Any:
        assert delete_patterns == "*"
        assert commit_message
        shutil.rmtree(self.folder / repo_id, ignore_errors=True)
        shutil.copytree(folder_path, self.folder / repo_id)
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/1")

    def snapshot(self, name: str, *, revision: str | None) -> str:
        del revision
        if not (self.folder / name).exists():
            raise ConnectionError("404: no such repository")
        return str(self.folder / name)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    client = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: pip install 'torchferry[hub]'")
    made = FakeHub(tmp_path / "hub")
    monkeypatch.setattr(client, "HfApi", lambda: made)
    monkeypatch.setattr(client, "snapshot_download", made.snapshot)
    return made


def test_what_was_pushed_is_pulled(fake: FakeHub, tmp_path: Path) -> None:
    done = run_here("push", BUNDLE, "me/iris")
    assert (done.code, done.stdout.decode()) == (0, "pushed iris-adaline: https://hub/me/iris/commit/1\n")
    assert fake.created == [("me/iris", True)]
    assert run_here("pull", "me/iris", "--out", tmp_path / "mine").code == 0
    pulled = files_below(tmp_path / "mine")
    assert "README.md" in pulled
    assert {path: pulled[path] for path in files_below(BUNDLE)} == files_below(BUNDLE)
    assert run_here("pull", "me/iris", "--out", tmp_path / "mine").code == 6  # it is there already
    assert run_here("pull", "me/iris", "--out", tmp_path / "mine", "--force").code == 0


def test_a_repository_with_a_flipped_bit_is_not_written(fake: FakeHub, tmp_path: Path) -> None:
    assert run_here("push", BUNDLE, "me/iris").code == 0
    model = fake.folder / "me/iris" / "model.onnx"
    data = bytearray(model.read_bytes())
    data[100] ^= 1
    model.write_bytes(bytes(data))
    done = run_here("pull", "me/iris", "--out", tmp_path / "mine")
    assert (done.code, "sha256" in done.stderr.lower()) == (4, True)
    assert not (tmp_path / "mine").exists()


@pytest.mark.usefixtures("fake")
def test_a_bundle_that_nobody_signed_is_not_pulled_under_trust(tmp_path: Path) -> None:
    assert run_here("key", tmp_path / "mine", "--no-password").code == 0
    assert run_here("push", BUNDLE, "me/iris").code == 0
    assert run_here("pull", "me/iris", "--out", tmp_path / "out", "--trust", tmp_path / "mine.pub").code == 4
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["iris", "me/", "../me", "me/iris/more", ""])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(FerryError, match="expected OWNER/NAME"):
        hub.push(open_bundle(BUNDLE), name)


@pytest.mark.usefixtures("fake")
def test_what_the_hub_refuses_is_one_line(tmp_path: Path) -> None:
    done = run_here("pull", "me/nothing", "--out", tmp_path / "out")
    assert (done.code, done.stderr.count("\n")) == (6, 1)
    assert "me/nothing: the Hub says: 404: no such repository" in done.stderr
