"""`ferry verify`: what decides its exit code. tests/parity compares its answers with `ferry-run verify`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from builders.bundles import edit_manifest, fill_bundle, reseal
from builders.programs import Program
from torchferry.errors import ExitCode


def test_a_reference_bundle_passes_on_every_engine(ferry_here: Program, reference_bundle: Path) -> None:
    done = ferry_here("verify", reference_bundle, "--json")
    report = json.loads(done.stdout)
    assert done.code == ExitCode.OK
    assert report["passed"] is True
    assert {entry["engine"] for entry in report["engines"]} >= {"eager", "onnxruntime", "torchscript"}
    assert all(entry["status"] == "passed" for entry in report["engines"])


def test_one_engine_may_be_chosen(ferry_here: Program, reference_bundle: Path) -> None:
    report = json.loads(ferry_here("verify", reference_bundle, "--engine", "onnxruntime", "--json").stdout)
    assert [entry["engine"] for entry in report["engines"]] == ["onnxruntime"]


def test_a_changed_golden_is_exit_code_1_and_the_place_is_shown(ferry_here: Program, bundle_copy: Path) -> None:
    path = bundle_copy / "golden" / "batch-64.float64.logits.npy"
    logits = np.load(path)
    logits[5, 7] += 1
    np.save(path, logits)
    reseal(bundle_copy)
    done = ferry_here("verify", bundle_copy, "--engine", "onnxruntime")
    assert done.code == ExitCode.MISMATCH
    assert b"FAIL onnxruntime batch-64 logits: at [5, 7] got" in done.stdout
    assert b"FAILED onnxruntime" in done.stdout
    assert done.stderr == ""


def test_a_bundle_of_unknown_engines_is_unavailable(ferry_here: Program, tmp_path: Path) -> None:
    fill_bundle(tmp_path, artifacts={"abacus": b"beads"})
    for arguments in ([], ["--engine", "abacus"], ["--json"]):
        assert ferry_here("verify", tmp_path, *arguments).code == ExitCode.UNAVAILABLE


def test_engines_that_cannot_run_are_named_and_the_others_decide(ferry_here: Program, bundle_copy: Path) -> None:
    def rename(value: dict[str, object]) -> None:
        text = json.dumps(value).replace('"torchscript"', '"torchscribe"')
        value.clear()
        value.update(json.loads(text))

    edit_manifest(bundle_copy, rename)
    done = ferry_here("verify", bundle_copy, "--json")
    status = {entry["engine"]: entry["status"] for entry in json.loads(done.stdout)["engines"]}
    assert status["torchscribe"] == "unavailable"
    assert done.code == ExitCode.OK
    assert b"could not run torchscribe: " in ferry_here("verify", bundle_copy).stdout


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--engine", "abacus"], 5),
        (["--device", "gpu"], 2),
        (["--threads", "0"], 2),
        (["--engine", "eager", "--device", "cuda:9999"], 5),
    ],
)
def test_wrong_options_are_told_before_anything_runs(
    ferry_here: Program, reference_bundle: Path, options: list[str], code: int
) -> None:
    done = ferry_here("verify", reference_bundle, *options)
    assert done.code == code
    assert done.stdout == b""
    assert done.stderr.count("\n") == 1
