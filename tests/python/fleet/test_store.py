"""The store of a fleet: what comes in stays as it was, and what does not belong there is refused by name, whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from builders.attestations import Attestation, make_attestation
from builders.fleets import machine, real_report, write_report
from builders.programs import ROOT, Finished, run_here
from torchferry.errors import ExitCode


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return real_report()


@pytest.fixture(scope="module")
def attested(tmp_path_factory: pytest.TempPathFactory) -> Attestation:
    return make_attestation(tmp_path_factory.mktemp("attest"))


@pytest.fixture
def one(tmp_path: Path, report: dict[str, Any]) -> Path:
    return write_report(tmp_path / "rack-1.json", report)


def add(store: Path, *files: Path, code: int = ExitCode.OK, options: tuple[object, ...] = ()) -> Finished:
    before = contents(store)
    done = run_here("fleet", "add", store, *files, *options)
    assert done.code == code, done.stderr
    if code != ExitCode.OK:
        assert done.stderr.count("\n") == 1
        assert contents(store) == before, "a refused report left something behind"
    return done


def contents(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.iterdir()} if store.exists() else {}


def test_reports_stay_as_they_came_and_later_ones_follow(tmp_path: Path, one: Path, report: dict[str, Any]) -> None:
    store = tmp_path / "store"
    assert b"1 added, 1 reports of 1 machines about iris-adaline" in add(store, one).stdout
    two = write_report(tmp_path / "rack-2.json", report)
    first = one.read_bytes()
    write_report(one, report, machine(system="Linux 9"))
    assert b"2 added, 3 reports of 2 machines" in add(store, one, two).stdout
    assert first in contents(store).values()
    assert one.read_bytes() in contents(store).values()


def test_a_report_about_another_bundle_is_refused_by_name(tmp_path: Path, one: Path) -> None:
    store = tmp_path / "store"
    add(store, one)
    other = write_report(tmp_path / "rack-2.json", real_report(ROOT / "exported" / "digits-mlp"))
    assert f"{other}: got a report about bundle" in add(store, other, code=ExitCode.INTEGRITY).stderr
    mixed = write_report(tmp_path / "rack-3.json", real_report(), machine(system="x"))
    add(store, mixed, other, code=ExitCode.INTEGRITY)
    add(tmp_path / "new", mixed, other, code=ExitCode.INTEGRITY)


@pytest.mark.parametrize("said", [{"name": "other"}, {"source": "synthetic"}])
def test_a_report_that_says_something_else_of_the_same_bundle_is_refused(
    tmp_path: Path, one: Path, report: dict[str, Any], said: dict[str, str]
) -> None:
    add(tmp_path / "store", one)
    two = write_report(tmp_path / "rack-2.json", report, lambda value: value.update(said))
    done = add(tmp_path / "store", two, code=ExitCode.INTEGRITY)
    words = f"got {said.get('source', 'real')} goldens of {said.get('name', 'iris-adaline')}, expected real ones of iris-adaline"
    assert f"rack-2.json: {words}" in done.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"bundle": 1}'])
def test_a_malformed_report_is_refused_by_name_and_nothing_is_added(tmp_path: Path, one: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    assert str(tmp_path / "bad.json") in add(tmp_path / "store", one, tmp_path / "bad.json", code=ExitCode.FORMAT).stderr


def test_the_matrix_of_verify_all_is_no_report_of_a_machine(tmp_path: Path, one: Path, report: dict[str, Any]) -> None:
    matrix = write_report(tmp_path / "all.json", report, lambda value: value.update(cells=[]))
    assert "cells: got an unknown key" in add(tmp_path / "store", one, matrix, code=ExitCode.FORMAT).stderr


def test_the_same_report_twice_is_refused(tmp_path: Path, one: Path, attested: Attestation) -> None:
    store = tmp_path / "store"
    add(store, one)
    assert "is there already as rack-1" in add(store, one, code=ExitCode.BAD_INPUT).stderr
    add(tmp_path / "new", one, one, code=ExitCode.BAD_INPUT)
    alike = Path(shutil.copy(one, tmp_path / "rack-2.json"))
    add(store, alike)  # two machines of one type print the same
    add(store, attested.file)
    renamed = Path(shutil.copy(attested.file, tmp_path / "rack-9.json"))
    assert "is there already as attestation" in add(store, renamed, code=ExitCode.BAD_INPUT).stderr


def test_a_name_that_is_no_label_is_refused(tmp_path: Path, one: Path) -> None:
    strange = Path(shutil.copy(one, tmp_path / "rack 1;.json"))
    assert "name it after its machine" in add(tmp_path / "store", strange, code=ExitCode.BAD_INPUT).stderr
    add(tmp_path / "store", tmp_path / "none.json", code=ExitCode.IO)


def test_a_store_that_was_changed_is_refused(tmp_path: Path, one: Path, report: dict[str, Any]) -> None:
    store = tmp_path / "store"
    add(store, one)
    (file,) = (path for path in store.iterdir() if path.name != "fleet.json")
    honest = file.read_bytes()
    write_report(file, report, machine(processor="a better one"))
    assert run_here("fleet", "gate", store).code == ExitCode.INTEGRITY
    file.unlink()
    assert run_here("fleet", "gate", store).code == ExitCode.IO
    file.write_bytes(honest)
    assert run_here("fleet", "gate", store).code == ExitCode.OK
    for text in ("", "[]", '{"format_version": 2}'):
        (store / "fleet.json").write_text(text)
        assert run_here("fleet", "gate", store).code == ExitCode.FORMAT
    assert run_here("fleet", "gate", tmp_path / "nowhere").code == ExitCode.IO


def test_only_attested_reports_where_that_is_asked_for(tmp_path: Path, one: Path, attested: Attestation) -> None:
    store, asked = tmp_path / "store", ("--require-attestation", "--trust", attested.public)
    assert "not signed" in add(store, one, code=ExitCode.INTEGRITY, options=asked).stderr
    add(store, attested.file, options=asked)
    assert run_here("fleet", "gate", store, *asked).code == ExitCode.OK
    page = tmp_path / "fleet.html"
    assert run_here("fleet", "report", store, "-o", page, *asked).code == ExitCode.OK
    assert f"key {attested.secret.key_id}, 20" in page.read_text()
    add(store, one)
    done = run_here("fleet", "gate", store, *asked)
    assert (done.code, "rack-1-" in done.stderr) == (ExitCode.INTEGRITY, True)
    assert run_here("fleet", "report", store, "-o", page, *asked).code == ExitCode.INTEGRITY


def test_foreign_and_expired_attestations_are_refused(
    tmp_path: Path, attested: Attestation, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here("key", tmp_path / "other", "--no-password")
    store = tmp_path / "store"
    add(store, attested.file, code=ExitCode.INTEGRITY, options=("--trust", tmp_path / "other.pub"))
    add(store, attested.file, code=ExitCode.INTEGRITY, options=("--trust", attested.public, "--max-age", "0.0000001"))
    monkeypatch.delenv("FERRY_TRUST", raising=False)
    add(store, attested.file, code=ExitCode.USAGE, options=("--require-attestation",))
    monkeypatch.setenv("FERRY_TRUST", str(attested.public))
    add(store, attested.file, options=("--require-attestation",))


def test_a_signature_that_nobody_looked_at_is_not_shown_as_one(tmp_path: Path, attested: Attestation) -> None:
    add(tmp_path / "store", attested.file)
    assert run_here("fleet", "report", tmp_path / "store", "-o", tmp_path / "p.html").code == ExitCode.OK
    page = (tmp_path / "p.html").read_text()
    assert "nobody whom this page trusts" in page
    assert attested.secret.key_id not in page
