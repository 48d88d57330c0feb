"""A fleet of real differences on this machine: switches of MKL and of torch's kernels, and processors that qemu plays."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT, Program, run_here, run_program
from torchferry.attest.report import parse_report
from torchferry.errors import ExitCode
from torchferry.fleet.entry import Belief
from torchferry.fleet.store import load_fleet
from torchferry.fleet.summary import contradictions, reached, types_of

DIGITS = ROOT / "exported" / "digits-mlp"
FERRY_RUN = BUILD / "bin" / "ferry-run"
BELIEF = Belief(datetime.datetime.now(datetime.timezone.utc))
SWITCHED = {
    "plain-1": {},
    "plain-2": {},
    "cbwr": {"MKL_CBWR": "COMPATIBLE"},
    "default": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "SSE4_2"},
}


def test_what_either_program_prints_is_a_report(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "here.json"
    file.write_bytes(program("verify", DIGITS, "--json").stdout)
    report = parse_report(json.loads(file.read_text()), "here.json")
    assert report.passed
    assert {engine.engine for engine in report.engines} >= {"onnxruntime", "torchscript"}
    assert run_here("fleet", "add", tmp_path / "store", file).code == ExitCode.OK


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the switches are those of x86-64")
def test_switches_of_kernels_are_types_of_machines_and_all_stay_within_their_bounds(tmp_path: Path) -> None:
    for name, switches in SWITCHED.items():
        command = [sys.executable, "-m", "torchferry", "verify", str(DIGITS), "--engine", "torchscript", "--json"]
        done = run_program(command, env={**os.environ, **switches})
        (tmp_path / f"{name}.json").write_bytes(done.stdout)
    store = tmp_path / "store"
    assert run_here("fleet", "add", store, *(tmp_path / f"{name}.json" for name in SWITCHED)).code == ExitCode.OK
    fleet = load_fleet(store, BELIEF)
    alike = {tuple(entry.label for entry in entries) for entries in types_of(fleet.latest).values()}
    assert alike == {("cbwr",), ("default",), ("plain-1", "plain-2")}
    assert list(contradictions(fleet.latest)) == []
    assert run_here("fleet", "gate", store, "--allow", "bound").code == ExitCode.OK
    levels = {entry.label: reached([entry])["torchscript on cpu"] for entry in fleet.latest}
    assert levels["plain-1"] == levels["plain-2"]
    assert levels["cbwr"][0] == levels["default"][0] == "bound"
    assert levels["cbwr"][1] > 0
    done = run_here("fleet", "gate", store, "--allow", "bits")
    assert done.code == ExitCode.MISMATCH
    assert b"cbwr: torchscript on cpu reached bound, expected bits" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-x86_64-static") is None, reason="qemu-x86_64-static is not installed (make setup-edge)")
def test_processors_that_qemu_plays_have_other_kernels_and_stay_within_their_bounds(tmp_path: Path) -> None:
    qemu = str(shutil.which("qemu-x86_64-static"))
    for processor in ("Nehalem", "Haswell"):
        done = run_program(
            [qemu, "-cpu", processor, str(FERRY_RUN), "verify", str(DIGITS), "--engine", "torchscript"], "--json", "--no-isolate"
        )
        assert done.code == ExitCode.OK, done.stderr
        (tmp_path / f"{processor}.json").write_bytes(done.stdout)
    store = tmp_path / "store"
    assert run_here("fleet", "add", store, tmp_path / "Nehalem.json", tmp_path / "Haswell.json").code == ExitCode.OK
    fleet = load_fleet(store, BELIEF)
    assert len(types_of(fleet.latest)) == 2
    assert run_here("fleet", "gate", store).code == ExitCode.OK
