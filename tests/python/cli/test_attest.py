"""`ferry verify --attest` and `ferry attest verify`: what may be believed, and what each lie comes to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.attestations import BUNDLE, Attestation, digest_of, make_attestation
from builders.programs import ROOT, Finished, run_here
from torchferry.errors import ExitCode


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Attestation:
    return make_attestation(tmp_path_factory.mktemp("attest"))


def checked(made: Attestation, file: Path, *more: object) -> Finished:
    return run_here("attest", "verify", file, "--trust", made.public, *more)


def test_an_attestation_of_this_bundle_is_believed(made: Attestation) -> None:
    done = checked(made, made.file, BUNDLE)
    assert (done.code, done.stderr) == (ExitCode.OK, "")
    assert f"by key {made.secret.key_id} at 20" in done.stdout.decode()
    assert done.stdout.decode().endswith("\nPASSED\n")
    shown = json.loads(checked(made, made.file, BUNDLE, "--json").stdout)
    assert shown["keys"] == [made.secret.key_id]
    assert shown["report"]["engines"][0]["engine"] == "onnxruntime"


def test_an_attestation_of_another_bundle_names_the_file(made: Attestation) -> None:
    done = checked(made, made.file, ROOT / "exported" / "digits-mlp")
    assert done.code == ExitCode.INTEGRITY
    assert "it is the attestation of another bundle" in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda subject: subject.pop(),
        lambda subject: subject.append({"name": "more.bin", "digest": {"sha256": "0" * 64}}),
        lambda subject: subject[0]["digest"].update(sha256="0" * 64),
    ],
    ids=["less", "more", "other"],
)
def test_a_file_less_more_or_other_is_another_bundle(
    made: Attestation, tmp_path: Path, change: Callable[[list[dict[str, Any]]], object]
) -> None:
    forged = made.forged(tmp_path / "a.json", lambda statement: change(statement["subject"]))
    assert checked(made, forged).code == ExitCode.OK
    done = checked(made, forged, BUNDLE)
    assert done.code == ExitCode.INTEGRITY
    assert "it is the attestation of another bundle" in done.stderr


def test_an_unknown_key_and_a_key_of_the_same_name_are_refused(made: Attestation, tmp_path: Path) -> None:
    run_here("key", tmp_path / "other", "--no-password")
    assert run_here("attest", "verify", made.file, "--trust", tmp_path / "other.pub").code == ExitCode.INTEGRITY
    raw = base64.b64decode((tmp_path / "other.pub").read_text().splitlines()[1])
    named = base64.b64encode(raw[:2] + made.secret.raw_id + raw[10:]).decode()
    (tmp_path / "named.pub").write_text(f"untrusted comment: x\n{named}\n")
    done = run_here("attest", "verify", made.file, "--trust", tmp_path / "named.pub")
    assert done.code == ExitCode.INTEGRITY
    assert "does not fit the payload" in done.stderr


def test_a_changed_payload_is_refused(made: Attestation, tmp_path: Path) -> None:
    envelope = made.envelope
    payload = base64.b64decode(envelope["payload"]).replace(b'"mismatches":0', b'"mismatches":1', 1)
    envelope["payload"] = base64.b64encode(payload).decode()
    (tmp_path / "a.json").write_text(json.dumps(envelope))
    assert checked(made, tmp_path / "a.json").code == ExitCode.INTEGRITY


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00\x01", b'{"payloadType": 1}'])
def test_a_file_that_is_no_attestation_is_code_3(made: Attestation, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    done = checked(made, tmp_path / "a.json")
    assert (done.code, done.stderr.count("\n")) == (ExitCode.FORMAT, 1)


@pytest.mark.parametrize(
    ("finished", "words"), [("2020-01-01T00:00:00Z", "one of the last 30 days"), ("2999-01-01T00:00:00Z", "")]
)
def test_an_attestation_that_is_too_old_or_of_the_future_is_refused(
    made: Attestation, tmp_path: Path, finished: str, words: str
) -> None:
    def move(statement: dict[str, object]) -> None:
        part = statement["predicate"]["configuration"][2]  # type: ignore[index]
        part["annotations"]["finished"] = finished
        part["digest"]["sha256"] = digest_of(part["annotations"])

    forged = made.forged(tmp_path / "a.json", move)
    done = checked(made, forged, "--max-age", "30")
    assert done.code == ExitCode.INTEGRITY
    assert "expired: got" in done.stderr
    assert words in done.stderr
    assert checked(made, forged).code == (ExitCode.OK if words else ExitCode.INTEGRITY)
    assert checked(made, made.file, "--max-age", "30").code == ExitCode.OK


def test_verdicts_that_leave_out_a_golden_prove_nothing(made: Attestation, tmp_path: Path) -> None:
    def cut(statement: dict[str, object]) -> None:
        predicate = statement["predicate"]
        part = predicate["configuration"][2]  # type: ignore[index]
        dropped = part["annotations"]["report"]["engines"][0]["verdicts"].pop()
        predicate["passedTests"].remove(f"onnxruntime cpu {dropped['case']} #1 {dropped['output']}")  # type: ignore[index]
        part["digest"]["sha256"] = digest_of(part["annotations"])

    done = checked(made, made.forged(tmp_path / "a.json", cut), BUNDLE)
    assert done.code == ExitCode.FORMAT
    assert "leave out a golden" in done.stderr


def test_an_attested_failure_is_code_1(tmp_path: Path, bundle_copy: Path) -> None:
    import numpy as np

    from builders.bundles import reseal

    golden = bundle_copy / "golden" / "batch-1.float64.logits.npy"
    np.save(golden, np.load(golden) + 1)
    reseal(bundle_copy)
    made = make_attestation(tmp_path, bundle_copy, code=1)
    done = checked(made, made.file, bundle_copy)
    assert (done.code, done.stderr) == (ExitCode.MISMATCH, "")
    assert done.stdout.decode().endswith("\nFAILED\n")


def test_nothing_is_attested_where_nothing_ran_or_what_was_required_did_not(made: Attestation, tmp_path: Path) -> None:
    options = ("--attest", tmp_path / "a.json", "--key", made.key, "--engine", "onnxruntime")
    assert run_here("verify", BUNDLE, *options, "--require", "torchscript").code == ExitCode.UNAVAILABLE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [("--attest", "a.json"), ("--key", "KEY"), ("--password-file", "KEY"), ("--attest", "a.json", "--key", "KEY", "--all")],
)
def test_half_a_wish_is_a_wrong_command_line(
    made: Attestation, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_here("verify", BUNDLE, *(made.key if word == "KEY" else word for word in options))
    assert (done.code, done.stderr.count("\n"), list(tmp_path.iterdir())) == (ExitCode.USAGE, 1, [])


def test_somebody_has_to_be_trusted(made: Attestation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FERRY_TRUST", raising=False)
    assert run_here("attest", "verify", made.file).code == ExitCode.USAGE
    monkeypatch.setenv("FERRY_TRUST", str(made.public))
    assert run_here("attest", "verify", made.file).code == ExitCode.OK
    assert checked(made, made.file, "--max-age", "0").code == ExitCode.USAGE
    assert checked(made, made.file.with_name("none")).code == ExitCode.IO
