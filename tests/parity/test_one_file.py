"""`NAME.ferry` through every verb of both programs: the answers are those of the folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import torchferry
from builders.bundles import reseal
from builders.programs import BUILD, ROOT, Program
from builders.spread import spread
from builders.zoo import Zoo
from torchferry.bundle.pack import pack
from torchferry.proof.run_matrix import run_matrix
from torchferry.proof.where import Where

FERRY_RUN = BUILD / "bin" / "ferry-run"
DIGITS = ROOT / "exported" / "digits-mlp"
SAMPLES = DIGITS / "golden" / "batch-64.input.image.npy"
Pack = Callable[[Path], Path]


@pytest.fixture
def packed(tmp_path: Path) -> Pack:
    """Packs a folder to a file beside the test."""

    def to_file(folder: Path) -> Path:
        target = tmp_path / f"{folder.name}.ferry"
        pack(torchferry.open_bundle(folder), target)
        return target

    return to_file


def answer(program: Program, verb: str, bundle: Path, *options: object, code: int = 0) -> Any:
    """What a verb answers as JSON, without the bundle's path."""
    done = program(verb, bundle, *options, "--json")
    assert done.code == code, done.stderr
    value = json.loads(done.stdout)
    assert value.pop("bundle") == str(bundle)
    return value


def test_inspect_shows_the_same(program: Program, packed: Pack) -> None:
    file = packed(DIGITS)
    assert answer(program, "inspect", file) == answer(program, "inspect", DIGITS)
    lines = [program("inspect", path).stdout.decode().replace(str(path), "") for path in (file, DIGITS)]
    assert lines[0] == lines[1] != ""


@pytest.mark.parametrize("engine", spread(["onnxruntime", "torchscript"], 1))
def test_verify_comes_to_the_same_verdicts(program: Program, packed: Pack, engine: str) -> None:
    options = ("--engine", engine, "--calls", 2)
    assert answer(program, "verify", packed(DIGITS), *options) == answer(program, "verify", DIGITS, *options)


def test_a_wrong_golden_is_a_mismatch(program: Program, packed: Pack, bundle_copy: Path) -> None:
    for reference in ("float32", "float64"):
        path = bundle_copy / "golden" / f"batch-64.{reference}.logits.npy"
        np.save(path, np.load(path) + 1)
    reseal(bundle_copy)
    answer(program, "verify", packed(bundle_copy), "--engine", "onnxruntime", code=1)


def test_predict_gives_the_same_bytes(program: Program, packed: Pack) -> None:
    options = ("--engine", "onnxruntime", "--input", SAMPLES)
    assert program("predict", packed(DIGITS), *options).stdout == program("predict", DIGITS, *options).stdout != b""


def test_bench_times_it(program: Program, packed: Pack) -> None:
    found = answer(program, "bench", packed(DIGITS), "--engine", "onnxruntime", "--batch", "1,3", "--calls", 5)
    assert [entry["batch"] for entry in found["batches"]] == [1, 3]


def test_the_matrix_has_both_languages(ferry_here: Program, packed: Pack) -> None:
    cells = answer(ferry_here, "verify", packed(DIGITS), "--all", "--engine", "onnxruntime", "--ferry-run", FERRY_RUN)["cells"]
    assert {cell["language"] for cell in cells if cell["status"] == "passed"} == {"Python", "C++"}


def test_the_matrix_of_bytes_in_memory_says_why_cpp_is_missing(packed: Pack) -> None:
    bundle = torchferry.Bundle.from_memory(packed(DIGITS).read_bytes(), name="phone")
    cells = run_matrix(bundle, "onnxruntime", FERRY_RUN, Where())
    reasons = {cell.reason for cell in cells if cell.language == "C++" and cell.device == "cpu"}
    assert reasons == {"phone: got a bundle in memory, expected one that ferry-run can open; write its bytes to a file"}
    assert {cell.status for cell in cells if cell.language == "Python" and cell.device == "cpu"} == {"passed"}


@pytest.mark.parametrize(
    "options",
    [["--engines", "eager,onnxruntime"], ["--engine", "onnxruntime"], ["--engine", "torchscript", "--language", "cpp"]],
    ids=" ".join,
)
def test_diff_says_the_same(ferry_here: Program, packed: Pack, options: list[str]) -> None:
    options = [*options, "--ferry-run", str(FERRY_RUN)]
    assert answer(ferry_here, "diff", packed(DIGITS), *options) == answer(ferry_here, "diff", DIGITS, *options)


def test_diff_takes_it_as_the_other_bundle(ferry_here: Program, packed: Pack) -> None:
    done = ferry_here("diff", DIGITS, packed(DIGITS), "--engine", "onnxruntime")
    assert done.code == 0, done.stderr
    assert "SAME within the bound" in done.stdout.decode()


@pytest.mark.slow
def test_the_report_is_written(ferry_here: Program, packed: Pack, tmp_path: Path) -> None:
    done = ferry_here("report", packed(DIGITS), "-o", tmp_path / "report.html", "--ferry-run", FERRY_RUN)
    assert done.code == 0, done.stderr
    assert "digits-mlp" in (tmp_path / "report.html").read_text()


def test_pack_takes_a_packed_bundle_and_writes_the_same_bytes(ferry_here: Program, packed: Pack, tmp_path: Path) -> None:
    file = packed(DIGITS)
    assert ferry_here("pack", file, "--out", tmp_path / "again").code == 0
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_pack_names_the_file_after_the_bundle(
    ferry_here: Program, ferry_run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ferry_here("pack", DIGITS).stdout.decode().startswith("wrote digits-mlp.ferry: ")
    assert ferry_run("inspect", "digits-mlp.ferry").code == 0
    assert ferry_here("pack", DIGITS).code == 6
    assert ferry_here("pack", DIGITS, "--force").code == 0


def test_machine_code_of_one_file_is_loaded(program: Program, zoo: Zoo, packed: Pack, tmp_path: Path) -> None:
    """The object is a file inside the file: engines get its bytes."""
    found = zoo.bundle("classifier", "c")
    assert found is not None
    folder = Path(shutil.copytree(found, tmp_path / "bundle"))
    options = ("--engine", "c", "--allow-native")
    assert answer(program, "verify", packed(folder), *options) == answer(program, "verify", folder, *options)
