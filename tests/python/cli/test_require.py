"""`verify --require`: engines and languages that must have run, in both programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders.bundles import edit_manifest
from builders.programs import ROOT, Program
from builders.spread import spread
from torchferry.errors import ExitCode

BUNDLE = ROOT / "exported" / "iris-adaline"


@pytest.mark.parametrize(
    "asked",
    spread([["onnxruntime", "torchscript"], ["onnxruntime,torchscript"], ["onnxruntime"], ["onnxruntime,onnxruntime"]], 1),
    ids=str,
)
def test_what_ran_is_enough(asked: list[str], program: Program) -> None:
    options = [word for names in asked for word in ("--require", names)]
    assert program("verify", BUNDLE, *options).code == ExitCode.OK


@pytest.mark.parametrize("asked", ["c", "onnxruntime,c", "typing-error"])
def test_what_did_not_run_is_one_line_and_exit_code_5(asked: str, program: Program) -> None:
    done = program("verify", BUNDLE, "--engine", "onnxruntime", "--require", asked)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1), done
    assert b"PASSED onnxruntime" in done.stdout
    assert done.stderr.startswith(f"error: --require: {asked.split(',')[-1]} did not run here, expected to; ran: onnxruntime (")


def test_each_program_alone_runs_its_own_language(ferry: Program, ferry_run: Program) -> None:
    for program, own, other in ((ferry, "python", "cpp"), (ferry_run, "cpp", "python")):
        assert program("verify", BUNDLE, "--engine", "onnxruntime", "--require", own).code == ExitCode.OK
        done = program("verify", BUNDLE, "--engine", "onnxruntime", "--require", f"{own},{other}")
        assert done.code == ExitCode.UNAVAILABLE
        assert f"--require: {other} did not run here, expected to; ran: onnxruntime ({own}); see why above" in done.stderr


def test_the_matrix_runs_both_languages_where_both_programs_are(ferry: Program, tmp_path: Path) -> None:
    command = ("verify", BUNDLE, "--all", "--engine", "onnxruntime", "--require", "python,cpp,onnxruntime")
    done = ferry(*command, "--ferry-run", ROOT / "build" / "bin" / "ferry-run")
    assert done.code == ExitCode.OK, done.stderr
    silent = tmp_path / "ferry-run"
    silent.write_text("#!/bin/sh\necho 'error: not here' >&2; exit 5\n")
    silent.chmod(0o755)
    done = ferry(*command, "--ferry-run", silent)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1)
    assert "--require: cpp did not run here" in done.stderr


def test_isolated_the_requirement_goes_to_the_program_that_runs(ferry: Program) -> None:
    chosen = ("verify", BUNDLE, "--engine", "onnxruntime", "--isolate", "--ferry-run", ROOT / "build" / "bin" / "ferry-run")
    assert ferry(*chosen, "--require", "cpp").code == ExitCode.OK
    assert ferry(*chosen, "--require", "python").code == ExitCode.UNAVAILABLE


@pytest.mark.parametrize("asked", ["", "onnxruntime,", ",cpp"])
def test_an_empty_name_is_a_usage_error(asked: str, program: Program) -> None:
    done = program("verify", BUNDLE, "--require", asked)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (ExitCode.USAGE, b"", 1), done


def test_a_mismatch_is_told_before_what_did_not_run(program: Program, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))

    def tighten(manifest: dict[str, list[dict[str, object]]]) -> None:
        for row in manifest["tolerances"]:
            if row["engine"] == "onnxruntime" and row["output"] == "net_input":
                row |= {"bound": 1e-12, "reason": f"at most 1e-12:{str(row['reason']).partition(':')[2]}"}

    edit_manifest(bundle, tighten)
    assert program("verify", bundle, "--engine", "onnxruntime", "--require", "c").code == ExitCode.MISMATCH
