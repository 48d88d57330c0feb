"""The trust of a process: its policy, and what an open asks for besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.bundles import fill_bundle
from torchferry.bundle import trust
from torchferry.bundle.reader import open_bundle, open_own_bundle
from torchferry.bundle.secret_key import make_key, public_text, sign
from torchferry.bundle.trust import Trust, set_policy
from torchferry.errors import ExitCode, FerryError


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle beside `mine.pub`, which signed it, and `other.pub`."""
    monkeypatch.setattr(trust, "_policy", [])
    folder = tmp_path / "bundle"
    folder.mkdir()
    fill_bundle(folder)
    mine = make_key()
    (tmp_path / "mine.pub").write_bytes(public_text(mine))
    (tmp_path / "other.pub").write_bytes(public_text(make_key()))
    (folder / "manifest.json.minisig").write_bytes(sign((folder / "manifest.json").read_bytes(), mine, "a test"))
    return folder


def only(folder: Path, name: str) -> Trust:
    return Trust((str(folder.parent / name),))


def test_an_open_names_who_signed(signed: Path) -> None:
    assert [one.comment for one in open_bundle(signed, trust=only(signed, "mine.pub")).signatures] == ["a test"]
    assert open_bundle(signed).signatures == ()


def test_a_policy_holds_whatever_an_open_trusts(signed: Path) -> None:
    set_policy(only(signed, "other.pub"))
    for asked in (None, only(signed, "mine.pub")):
        with pytest.raises(FerryError, match="not trusted") as caught:
            open_bundle(signed, trust=asked)
        assert caught.value.code == ExitCode.INTEGRITY
    assert open_own_bundle(signed).manifest.name == "doubling"


def test_a_policy_that_requires_a_signature_leaves_the_keys_to_the_open(signed: Path) -> None:
    set_policy(Trust(required=True))
    with pytest.raises(FerryError, match="not trusted"):
        open_bundle(signed)
    assert open_bundle(signed, trust=only(signed, "mine.pub")).signatures


@pytest.mark.parametrize("policy", [("mine.pub",), ()])
def test_the_variable_names_keys_only_where_nobody_else_does(
    signed: Path, policy: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the keys of a policy, and beside those of an open, FERRY_TRUST is not asked: it would refuse what both let in."""
    monkeypatch.setenv("FERRY_TRUST", str(signed.parent / "other.pub"))
    set_policy(Trust(tuple(str(signed.parent / name) for name in policy), required=True))
    assert open_bundle(signed, trust=only(signed, "mine.pub")).signatures
    if policy:
        assert [one.comment for one in open_bundle(signed).signatures] == ["a test"]
        return
    with pytest.raises(FerryError, match="not trusted"):
        open_bundle(signed)


def test_a_policy_is_set_once(signed: Path) -> None:
    set_policy(only(signed, "mine.pub"))
    set_policy(only(signed, "mine.pub"))
    with pytest.raises(FerryError, match="second") as caught:
        set_policy(Trust())
    assert caught.value.code == ExitCode.USAGE


def test_a_comment_that_nobody_signed_is_refused(signed: Path) -> None:
    file = signed / "manifest.json.minisig"
    file.write_bytes(file.read_bytes().replace(b"trusted comment: a test", b"trusted comment: a lie"))
    with pytest.raises(FerryError, match="does not fit its trusted comment") as caught:
        open_bundle(signed, trust=only(signed, "mine.pub"))
    assert caught.value.code == ExitCode.INTEGRITY


@pytest.mark.parametrize("more", [b"x", b"\n", b"x\n"])
def test_a_signature_ends_after_its_fourth_line(signed: Path, more: bytes) -> None:
    file = signed / "manifest.json.minisig"
    file.write_bytes(file.read_bytes() + more)
    with pytest.raises(FerryError, match="does not end after line 4"):
        open_bundle(signed, trust=only(signed, "mine.pub"))


def test_a_key_that_was_revoked_is_trusted_no_more(signed: Path) -> None:
    keys = signed.parent / "keys"
    keys.mkdir()
    (keys / "mine.pub").write_bytes((signed.parent / "mine.pub").read_bytes())
    trusted = Trust((str(keys),))
    (one,) = open_bundle(signed, trust=trusted).signatures
    (keys / "revoked").write_text(f"# lost\n{one.key_id}\n")
    with pytest.raises(FerryError, match="is revoked") as caught:
        open_bundle(signed, trust=trusted)
    assert caught.value.code == ExitCode.INTEGRITY
