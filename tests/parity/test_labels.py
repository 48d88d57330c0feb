"""Every label of every test set: Python eager and C++ agree n of n."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from builders.sides import ALLOW, engines_of
from builders.trained import Trained
from torchferry.bundle.reader import open_bundle
from torchferry.engines import Session

BATCH = 256


@pytest.mark.parametrize(
    ("name", "size"), [("iris-adaline", 30), ("digits-mlp", 360), pytest.param("mnist-mlp", 10_000, marks=pytest.mark.slow)]
)
def test_the_whole_test_set_gets_the_same_labels(
    request: pytest.FixtureRequest, trained: Trained, ferry_run: Program, tmp_path: Path, name: str, size: int
) -> None:
    data_root = request.getfixturevalue("data_root") if name == "mnist-mlp" else None
    bundle, dataset = trained.bundle(name, data_root), trained.run(name, data_root).dataset
    rows = dataset.test_inputs.numpy()
    assert len(rows) == size
    session = Session(open_bundle(bundle), "eager")
    expected = np.concatenate(
        [session.run({dataset.input_name: rows[start : start + BATCH]})["label"] for start in range(0, size, BATCH)]
    )
    np.save(tmp_path / "inputs.npy", rows)
    engines = engines_of(bundle, "c++")
    assert engines
    for engine in engines:
        options = ["--engine", engine, ALLOW, "--batch", BATCH, "--input", tmp_path / "inputs.npy", "--select", "label"]
        done = ferry_run("predict", bundle, *options, "--output", tmp_path / f"{engine}.npy")
        assert done.code == 0, done.stderr
        labels = np.load(tmp_path / f"{engine}.npy")
        assert f"{np.count_nonzero(labels == expected)} / {labels.size}" == f"{size} / {size}"
    accuracy = float((expected == dataset.test_targets.numpy()).mean())
    assert accuracy > 0.8, "labels that agree and are all wrong would prove little"
