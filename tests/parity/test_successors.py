"""AOTInductor and ExecuTorch carry a trained model from Python to C++: the same labels, and outputs inside the bound of float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program, assert_answered
from builders.sides import ALLOW, engines_here
from builders.trained import Trained
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines import Session
from torchferry.errors import ExitCode, FerryError

SUCCESSORS = (pytest.param("aoti", marks=pytest.mark.slow), "executorch")  # AOTInductor takes half a minute a model


def bundle_for(trained: Trained, name: str, engine: str, data_root: Path | None = None) -> Path:
    try:
        found = trained.bundle_for(name, engine, data_root)
    except FerryError as error:
        if error.code != ExitCode.UNAVAILABLE:
            raise
        pytest.skip(f"{engine} cannot be exported here: {error}")
    if engine not in engines_here("c++"):
        pytest.skip(f"the C++ build has no plugin {engine}")
    return found


@pytest.mark.parametrize("engine", SUCCESSORS)
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_outputs_of_both_languages_are_within_the_bound_of_float64(
    trained: Trained, programs: dict[str, Program], tmp_path: Path, engine: str, batch: int
) -> None:
    bundle = bundle_for(trained, "digits-mlp", engine)
    opened = open_bundle(bundle)
    case = read_case(opened, opened.manifest.golden.cases[0])
    np.save(tmp_path / "inputs.npy", case.inputs["image"])
    for language, program in programs.items():
        options = ["--engine", engine, ALLOW, "--batch", batch, "--input", tmp_path / "inputs.npy"]
        done = program("predict", bundle, *options, "--output", tmp_path / f"{language}.npy")
        assert_answered(done)
        for name in ("logits", "probabilities"):
            (row,) = (r for r in opened.manifest.tolerances if (r.engine, r.output, r.device) == (engine, name, "cpu"))
            found = np.load(tmp_path / f"{language}.{name}.npy")
            assert row.bound is not None
            assert 0 < row.bound < 0.01
            assert np.abs(found - case.float64[name]).max() <= row.bound, (language, name)
        assert (np.load(tmp_path / f"{language}.label.npy") == case.float64["label"]).all()


@pytest.mark.parametrize("engine", SUCCESSORS)
@pytest.mark.parametrize(("name", "size"), [("digits-mlp", 360), pytest.param("mnist-mlp", 10_000, marks=pytest.mark.slow)])
def test_the_whole_test_set_gets_the_labels_of_eager_in_cpp(
    request: pytest.FixtureRequest, trained: Trained, ferry_run: Program, tmp_path: Path, name: str, size: int, engine: str
) -> None:
    data_root = request.getfixturevalue("data_root") if name == "mnist-mlp" else None
    bundle = bundle_for(trained, name, engine, data_root)
    rows = trained.run(name, data_root).dataset.test_inputs.numpy()
    assert len(rows) == size
    session = Session(open_bundle(bundle), "eager")
    expected = np.concatenate([session.run({"image": rows[at : at + 250]})["label"] for at in range(0, size, 250)])
    np.save(tmp_path / "inputs.npy", rows)
    options = ["--engine", engine, ALLOW, "--batch", 250, "--input", tmp_path / "inputs.npy", "--select", "label"]
    done = ferry_run("predict", bundle, *options, "--output", tmp_path / "labels.npy")
    assert done.code == 0, done.stderr
    assert np.count_nonzero(np.load(tmp_path / "labels.npy") == expected) == size
