"""The statement: what in-toto's specification asks, what it says of the bundle, and how its parts hold each other."""

from __future__ import annotations

import datetime
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from builders.attestations import BUNDLE, Attestation, make_attestation
from torchferry.attest.checker import checker_digest
from torchferry.attest.statement import make_statement, parse_statement
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.installed import FOLDER


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Attestation:
    return make_attestation(tmp_path_factory.mktemp("attest"))


def test_the_subject_is_every_file_with_its_own_digest(made: Attestation) -> None:
    files = {path.relative_to(BUNDLE).as_posix(): path for path in BUNDLE.rglob("*") if path.is_file()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert {one["name"]: one["digest"]["sha256"] for one in made.statement["subject"]} == digests


def test_the_result_lists_what_passed_and_the_configuration_shows_with_what(made: Attestation) -> None:
    statement = made.statement
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    predicate = statement["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("PASSED", [])
    assert "onnxruntime cpu batch-64 #1 net_input" in predicate["passedTests"]
    assert all(part["digest"] for part in predicate["configuration"]), "a descriptor of in-toto needs a digest, a uri or content"
    report = predicate["configuration"][2]["annotations"]["report"]
    assert report["machine"]["processor"]
    assert report["engines"][0]["verdicts"][0]["bound"] >= 0


def test_no_folder_of_this_machine_is_told(made: Attestation) -> None:
    assert str(BUNDLE.parent) not in json.dumps(made.statement)


def test_the_checkers_digest_is_what_a_shell_computes() -> None:
    line = "find * -type f ! -name '*.pyc' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    shown = subprocess.run(line, shell=True, cwd=FOLDER, capture_output=True, text=True, check=True, timeout=60).stdout
    assert shown.split()[0] == checker_digest()


def test_a_failure_is_attested_as_one(tmp_path: Path, bundle_copy: Path) -> None:
    import numpy as np

    from builders.bundles import reseal

    golden = bundle_copy / "golden" / "batch-64.float64.logits.npy"
    values = np.load(golden)
    values[0, 0] += 1
    np.save(golden, values)
    reseal(bundle_copy)
    predicate = make_attestation(tmp_path, bundle_copy, code=1).statement["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["onnxruntime cpu batch-64 #1 logits"])


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("predicate", "result"), "WARNED", "contradicts its own report"),
        (("predicate", "failedTests"), ["x"], "contradicts its own report"),
        (("predicate", "passedTests"), [], "contradicts its own report"),
        (("predicate", "configuration", 2, "digest", "sha256"), "0" * 64, "contradicts its own report"),
        (("predicate", "configuration", 2, "annotations", "finished"), "soon", "contradicts its own report"),
        (("predicate", "configuration", 2, "name"), "other", "got no report"),
        (("predicateType",), "https://slsa.dev/provenance/v1", "predicateType: got"),
        (("_type",), "https://in-toto.io/Statement/v0.1", "_type: got"),
        (("subject", 0, "digest"), {}, "subject[0].digest.sha256: got no such key"),
        (("predicate",), None, "predicate: got null"),
    ],
)
def test_a_statement_that_does_not_hold_together_is_refused(
    made: Attestation, path: tuple[str | int, ...], value: object, words: str
) -> None:
    statement = made.statement
    place = statement
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    with pytest.raises(FerryError) as refused:
        parse_statement(json.dumps(statement).encode(), "a.json")
    assert refused.value.code == ExitCode.FORMAT
    assert words in str(refused.value)


def test_a_report_about_another_manifest_than_the_subject_is_refused(made: Attestation) -> None:
    statement = made.statement
    manifest = next(one for one in statement["subject"] if one["name"] == "manifest.json")
    manifest["digest"]["sha256"] = "0" * 64
    with pytest.raises(FerryError, match="contradicts its own report") as refused:
        parse_statement(json.dumps(statement).encode(), "a.json")
    assert refused.value.code == ExitCode.FORMAT


@pytest.mark.parametrize(("status", "failed"), [("unavailable", []), ("failed", ["torchscript cpu"])])
def test_an_engine_that_ended_before_a_comparison_failed_and_one_that_could_not_run_did_not(
    made: Attestation, status: str, failed: list[str]
) -> None:
    report = made.statement["predicate"]["configuration"][2]["annotations"]["report"]
    report["engines"] += [{**report["engines"][0], "engine": "torchscript", "status": status, "verdicts": [], "reason": "a test"}]
    report["passed"] = not failed
    now = datetime.datetime.now(datetime.timezone.utc)
    predicate = json.loads(make_statement(open_bundle(BUNDLE), report, now))["predicate"]
    assert (predicate["failedTests"], predicate["result"]) == (failed, "FAILED" if failed else "PASSED")


def test_keys_that_a_later_version_adds_are_passed_over(made: Attestation) -> None:
    statement = made.statement
    statement["predicate"]["url"] = "https://example.org/run/1"
    assert parse_statement(json.dumps(statement).encode(), "a.json").report.passed
