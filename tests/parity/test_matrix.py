"""`ferry verify --all`: the matrix of engines, languages, devices, threads, batches and calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.bundles import edit_manifest, fill_bundle, reseal
from builders.programs import BUILD, Program
from torchferry.errors import ExitCode

FERRY_RUN = BUILD / "bin" / "ferry-run"
SHORT = ("--engine", "torchscript", "--ferry-run", FERRY_RUN)


def matrix(program: Program, bundle: Path, *options: object, code: int = ExitCode.OK) -> list[dict[str, Any]]:
    done = program("verify", bundle, "--all", "--json", *options)
    assert done.code == code, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"] is (code == ExitCode.OK)
    cells: list[dict[str, Any]] = report["cells"]
    return cells


def test_there_is_a_cell_for_every_combination_and_it_passed_or_says_why(ferry_here: Program, bundle_copy: Path) -> None:
    cells = matrix(ferry_here, bundle_copy, "--ferry-run", FERRY_RUN)
    places = [tuple(cell[key] for key in ("engine", "language", "device", "threads", "case", "call")) for cell in cells]
    assert len(set(places)) == len(places) == 3 * 2 * 2 * 2 * 3 * 5
    here = {cell["language"] for cell in cells if cell["status"] == "passed" and cell["engine"] == "torchscript"}
    assert here == {"Python", "C++"}
    assert all((cell["status"] == "passed") == bool(cell["outputs"]) for cell in cells)
    assert all(cell["status"] == "passed" or cell["reason"] for cell in cells)
    eager = [cell for cell in cells if (cell["engine"], cell["language"]) == ("eager", "C++")]
    assert all("Python only" in cell["reason"] for cell in eager)


def test_the_table_names_each_reason_once(ferry_here: Program, bundle_copy: Path) -> None:
    done = ferry_here("verify", bundle_copy, "--all", *SHORT)
    lines = done.stdout.decode().splitlines()
    assert done.code == ExitCode.OK
    assert sum(line.endswith("PASS") for line in lines) == 2 * 2 * 3
    assert sum("not here (" in line for line in lines) == 2
    assert sum(line.startswith("(") for line in lines) == len({line.split()[-1] for line in lines if "not here" in line})
    assert lines[-1] == "PASSED 60 of 120 cells passed, 60 could not run here; ran: torchscript (Python, C++)"


def test_one_wrong_golden_turns_its_cells_red_in_both_languages(ferry_here: Program, bundle_copy: Path) -> None:
    for reference in ("float32", "float64"):
        path = bundle_copy / "golden" / f"batch-1.{reference}.logits.npy"
        np.save(path, np.load(path) + 1)
    reseal(bundle_copy)
    cells = matrix(ferry_here, bundle_copy, *SHORT, code=ExitCode.MISMATCH)
    status = {(cell["case"], cell["status"]) for cell in cells if cell["device"] == "cpu"}
    assert status == {("batch-64", "passed"), ("batch-1", "failed"), ("stress", "passed")}
    text = ferry_here("verify", bundle_copy, "--all", *SHORT).stdout.decode()
    assert text.count("FAIL torchscript C++ cpu, threads ") == text.count("FAIL torchscript Python cpu, threads ") == 2
    assert text.splitlines()[-1].startswith("FAILED 40 of 120 cells passed, 20 failed")


def test_a_device_without_tolerance_is_no_proof(ferry_here: Program, bundle_copy: Path) -> None:
    edit_manifest(bundle_copy, lambda value: value.update(tolerances=[r for r in value["tolerances"] if r["device"] == "cpu"]))
    cells = matrix(ferry_here, bundle_copy, *SHORT)
    assert {cell["reason"].partition(":")[0] for cell in cells if cell["device"] == "cuda:0"} == {
        "the bundle has no tolerance for logits on cuda"
    }


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--ferry-run", "nowhere/ferry-run"], 5, "--ferry-run: got nowhere/ferry-run, expected the C++ program"),
        (["--engine", "abacus"], 5, "abacus"),
        (["--calls", "0"], 2, "--calls: got 0, expected 1 to 100"),
    ],
)
def test_wrong_options_are_one_line(
    ferry_here: Program, reference_bundle: Path, options: list[str], code: int, words: str
) -> None:
    every = ["--all"] if "--calls" not in options else []
    done = ferry_here("verify", reference_bundle, *every, *options)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (code, b"", 1)
    assert words in done.stderr


def test_a_bundle_that_nothing_here_can_run_is_unavailable(ferry_here: Program, tmp_path: Path) -> None:
    fill_bundle(tmp_path, artifacts={"abacus": b"beads"})
    assert ferry_here("verify", tmp_path, "--all", "--ferry-run", FERRY_RUN).code == ExitCode.UNAVAILABLE


def test_calls_are_verdicts_of_their_own_in_both_programs(programs: dict[str, Program], bundle_copy: Path) -> None:
    found = [
        json.loads(p("verify", bundle_copy, "--engine", "torchscript", "--calls", 3, "--json").stdout) for p in programs.values()
    ]
    assert [report.pop("machine")["language"] for report in found] == ["python", "c++"]
    assert found[0] == found[1]
    verdicts = found[0]["engines"][0]["verdicts"]
    assert [verdict["call"] for verdict in verdicts] == [call for call in (1, 2, 3) for _ in range(9)]
    for program in programs.values():
        assert program("verify", bundle_copy, "--calls", 0).code == program("verify", bundle_copy, "--calls", 101).code == 2


def test_a_program_that_skips_an_output_is_not_believed(ferry_here: Program, bundle_copy: Path, tmp_path: Path) -> None:
    """A C++ comparator that never looks at `label`, and says that all is well."""
    program = tmp_path / "ferry-run"
    program.write_text(
        f"""#!{sys.executable}
import json, subprocess, sys
done = subprocess.run([{str(FERRY_RUN)!r}, *sys.argv[1:]], capture_output=True)
if not done.stdout:
    sys.stderr.buffer.write(done.stderr)
    sys.exit(done.returncode)
report = json.loads(done.stdout)
for engine in report["engines"]:
    engine["verdicts"] = [verdict for verdict in engine["verdicts"] if verdict["output"] != "label"]
print(json.dumps(report))
"""
    )
    program.chmod(0o755)
    cells = matrix(ferry_here, bundle_copy, "--engine", "torchscript", "--ferry-run", program, code=ExitCode.MISMATCH)
    status = {(cell["language"], cell["status"]) for cell in cells if cell["device"] == "cpu"}
    assert status == {("Python", "passed"), ("C++", "failed")}


def test_bits_are_promised_only_where_every_number_of_threads_gives_them(ferry_here: Program, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(4, 8, 1), nn.Flatten()).eval()  # on AVX-512 its kernel divides the sums among the threads
    golden = np.random.default_rng(0).normal(size=(6, 4, 16, 16)).astype(np.float32)
    torchferry.export(
        module, inputs={"image": golden}, golden=golden, to=("torchscript",), out=tmp_path / "b", note=lambda _: None
    )
    cells = matrix(ferry_here, tmp_path / "b", *SHORT)
    assert {cell["threads"] for cell in cells if cell["status"] == "passed"} == {1, 2}
