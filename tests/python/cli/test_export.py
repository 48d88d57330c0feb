"""`ferry export` from a run of one epoch."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.programs import Program
from torchferry.bundle.reader import open_bundle
from torchferry.course.train import train_recipe
from torchferry.errors import ExitCode


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "iris"
    train_recipe("iris-adaline", out=folder, changes={"epochs": 1})
    return folder


def test_a_run_becomes_a_bundle_with_its_origin(ferry_here: Program, run: Path, tmp_path: Path) -> None:
    done = ferry_here("export", run, "--to", "torchscript", "--out", tmp_path / "new")
    assert done.code == ExitCode.OK
    assert done.stdout.decode().startswith(f"wrote {tmp_path}/new: export ")
    manifest = open_bundle(tmp_path / "new").manifest
    assert manifest.name == "iris"
    assert manifest.training is not None
    assert (manifest.training.recipe, manifest.training.epochs) == ("iris-adaline", 1)
    assert manifest.golden.source == "real"
    assert [case.name for case in manifest.golden.cases] == ["batch-64", "batch-1", "stress"]


def test_an_existing_bundle_wants_force(ferry_here: Program, run: Path, tmp_path: Path) -> None:
    arguments = ["export", run, "--to", "torchscript", "--out", tmp_path / "new"]
    assert ferry_here(*arguments).code == ExitCode.OK
    done = ferry_here(*arguments)
    assert done.code == ExitCode.IO
    assert "--force" in done.stderr
    assert ferry_here(*arguments, "--force").code == ExitCode.OK


def test_a_largest_batch_limits_the_contract_and_the_goldens(ferry_here: Program, run: Path, tmp_path: Path) -> None:
    done = ferry_here("export", run, "--to", "torchscript", "--out", tmp_path / "new", "--max-batch", 16)
    assert done.code == ExitCode.OK, done.stderr
    bundle = open_bundle(tmp_path / "new")
    assert bundle.contract.symbols["N"].max == 16
    assert bundle.manifest.golden.cases[0].name == "batch-16"


@pytest.mark.parametrize(
    ("arguments", "code"), [(["absent"], 6), (["RUN", "--to", "tflite"], 2), (["RUN", "--out", "/proc/x"], 6)]
)
def test_what_cannot_be_exported_is_told_in_one_line(ferry_here: Program, run: Path, arguments: list[str], code: int) -> None:
    arguments = [str(run) if argument == "RUN" else argument for argument in arguments]
    if "--out" not in arguments:
        arguments += ["--out", str(run.parent / "new")]
    done = ferry_here("export", *arguments)
    assert done.code == code
    assert done.stderr.count("\n") == 1
    assert not (run.parent / "new").exists()
