"""`ferry evidence`: a folder that holds together, refuses what is foreign, and tells where the check is blind."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from builders.attestations import BUNDLE, Attestation, make_attestation
from builders.bundles import reseal
from builders.programs import ROOT, Finished, run_here
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode
from torchferry.evidence.clauses import clauses_md
from torchferry.evidence.trial import flipped_bits, moved_goldens
from torchferry.proof.where import Where

# As the tables of contents and the law itself number them; clauses 1 to 4 of ISO/PAS 8800 are its scope, references and terms.
NUMBERS = {
    "Automotive SPICE 4.0, MLE.4": [f"BP{i}" for i in range(1, 8)],
    "ISO/PAS 8800:2024": [str(i) for i in range(5, 16)],
    "EU AI Act, Annex IV": [*(f"1({i})" for i in "abcdefgh"), *(f"2({i})" for i in "abcdefgh"), *map(str, range(3, 10))],
}


@dataclass(frozen=True)
class Made:
    """The folder, and the attestation that it holds."""

    folder: Path
    attestation: Attestation
    done: Finished


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp("evidence")
    attestation = make_attestation(place)
    given = ("--attestation", attestation.file, "--attester", attestation.public)
    done = run_here("evidence", BUNDLE, "-o", place / "folder", *given)
    assert done.code == ExitCode.OK, done.stderr
    return Made(place / "folder", attestation, done)


@pytest.mark.slow
def test_every_file_is_listed_with_its_digest_and_another_program_agrees(made: Made) -> None:
    files = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    lines = (made.folder / "SHA256SUMS").read_text().splitlines()
    assert {line.partition("  ")[2] for line in lines} == files - {"SHA256SUMS"}
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=made.folder, capture_output=True, check=False, timeout=30)
    assert checked.returncode == 0, checked.stdout


def rows_of(text: str) -> dict[str, dict[str, list[str]]]:
    """Return the cells behind each clause's number, by the heading above it."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            rows = found.setdefault(line[3:], {})
        elif line.startswith("| ") and not line.startswith("| |"):
            number, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
            assert number not in rows, number
            rows[number] = cells
    return found


def test_the_map_has_each_clause_once_and_in_order(made: Made) -> None:
    text = (made.folder / "clauses.md").read_text()
    assert {name: list(rows) for name, rows in rows_of(text).items()} == NUMBERS
    assert "no certificate" in text
    assert not re.search("certified|compl(y|ies|iant)|conforms|fulfil", text)


def test_each_place_of_the_map_is_in_the_folder_and_says_something(made: Made) -> None:
    """The files are read here as a stranger reads them; a row that leads nowhere says so."""
    places = 0
    for rows in rows_of((made.folder / "clauses.md").read_text()).values():
        for number, (question, here, shows, rest) in rows.items():
            links = re.findall(r"\[([^]]+)\]\(([^)]+)\)( [\w.]+)?", here)
            assert bool(links) != (here == "none" and shows.startswith("nothing here: ")), number
            assert (question[-1], bool(rest)) == ("?", True)
            assert not re.search(r"; \S+ (was not given|has no )", shows), number
            for shown, link, keys in links:
                assert (shown, (made.folder / link).exists()) == (link, True)
                value = json.loads((made.folder / link).read_text()) if keys else "a file"
                for key in keys.strip().split(".") if keys else ():
                    value = value[key]
                assert value not in (None, "", [], {}), (number, link, keys)
                places += 1
    assert places > 60


def test_a_place_that_says_nothing_is_no_answer() -> None:
    rows = rows_of(clauses_md("x", {"manifest.json": b'{"golden": {"cases": []}, "training": null, "tolerances": [1]}'}))
    _, here, shows, _ = rows["Automotive SPICE 4.0, MLE.4"]["BP1"]
    assert here == "[manifest.json](manifest.json) tolerances"
    assert shows.endswith("; manifest.json has no golden.cases; contract.json was not given")
    assert "; manifest.json has no training.metrics" in rows["EU AI Act, Annex IV"]["3"][2]


def test_the_trial_damaged_every_file_and_every_golden_and_all_was_noticed(made: Made) -> None:
    text = (made.folder / "trial.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith(("| one bit", "| golden"))]
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    files = sum(path.is_file() for path in BUNDLE.rglob("*"))
    outputs = len(manifest["golden"]["cases"]) * len(manifest["contract"]["outputs"]) * len(manifest["artifacts"])
    assert len(rows) == files + outputs
    assert all("| yes |" in row for row in rows)
    assert "| one bit of manifest.json | yes | exit code 4: manifest.json.minisig: signature of key " in text


def test_bill_verdicts_and_attestation_are_those_of_the_bundle(made: Made) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((made.folder / "bom.json").read_text()) is None
    verdicts = json.loads((made.folder / "verdicts.json").read_text())
    assert verdicts["manifest_sha256"] == hashlib.sha256((made.folder / "manifest.json").read_bytes()).hexdigest()
    assert (made.folder / "manifest.json").read_bytes() == (BUNDLE / "manifest.json").read_bytes()
    copied = made.folder / "attestations" / made.attestation.file.name
    assert copied.read_bytes() == made.attestation.file.read_bytes()
    assert "<script" not in (made.folder / "report.html").read_text()


def test_an_attestation_of_another_bundle_or_key_gives_no_folder(made: Made, tmp_path: Path) -> None:
    run_here("key", tmp_path / "other", "--no-password")
    for bundle, key in ((ROOT / "exported" / "digits-mlp", made.attestation.public), (BUNDLE, tmp_path / "other.pub")):
        given = ("--attestation", made.attestation.file, "--attester", key)
        assert run_here("evidence", bundle, "-o", tmp_path / "folder", *given).code == ExitCode.INTEGRITY
    assert not (tmp_path / "folder").exists()


def test_a_place_that_is_taken_is_left_alone(made: Made) -> None:
    before = (made.folder / "SHA256SUMS").read_bytes()
    done = run_here("evidence", BUNDLE, "-o", made.folder)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.IO, 1)
    assert (made.folder / "SHA256SUMS").read_bytes() == before


@pytest.mark.slow
def test_a_bundle_that_fails_has_a_folder_that_says_so_and_exit_code_1(tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    golden = bundle / "golden" / "batch-1.float64.net_input.npy"
    np.save(golden, np.load(golden) + 1)
    reseal(bundle)
    done = run_here("evidence", bundle, "-o", tmp_path / "folder")
    assert done.code == ExitCode.MISMATCH
    assert b"FAILED; " in done.stdout
    assert json.loads((tmp_path / "folder" / "verdicts.json").read_text())["passed"] is False
    clauses = (tmp_path / "folder" / "clauses.md").read_text()
    assert "attestations was not given" in clauses
    assert "](attestations)" not in clauses


def test_a_reader_that_checks_no_digest_does_not_pass_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchferry.bundle.reader._require_digest", lambda *_: None)
    attempts = list(flipped_bits(open_bundle(BUNDLE)))
    assert [attempt.changed for attempt in attempts if attempt.noticed] == ["one bit of manifest.json"]


def test_a_comparison_that_sees_nothing_does_not_pass_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = open_bundle(BUNDLE)
    session = Where().open(bundle, "onnxruntime")
    assert all(attempt.noticed for attempt in moved_goldens(bundle, session, engine="onnxruntime", device="cpu"))
    kinds = ("absolute", "bits", "label")
    for kind in kinds:
        module = __import__(f"torchferry.compare.kinds.{kind}", fromlist=["x"])
        names = [name for name in vars(module) if hasattr(getattr(module, name), "agrees") and name != "Kind"]
        for name in names:
            monkeypatch.setattr(
                getattr(module, name), "agrees", lambda _, actual, *__: np.ones(actual.shape, bool), raising=False
            )
    assert not any(attempt.noticed for attempt in moved_goldens(bundle, session, engine="onnxruntime", device="cpu"))
