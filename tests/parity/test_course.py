"""The same model trained or written in different ways gives the same answers in C++."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from torchferry.course.data import load_dataset
from torchferry.course.export import export_run
from torchferry.course.train import RECIPES, Run, train_recipe


def answers_in_cpp(run: Run, folder: Path, ferry_run: Program) -> bytes:
    """Export the run, have its bundle verified in C++, and predict the test set there."""
    export_run(run, name="x", formats=["torchscript"], out=folder / "bundle", force=False)
    np.save(folder / "inputs.npy", load_dataset(run.dataset.name).test_inputs.numpy())
    verified = ferry_run("verify", folder / "bundle", "--engine", "torchscript")
    assert verified.code == 0, verified.stderr
    done = ferry_run("predict", folder / "bundle", "--engine", "torchscript", "--input", folder / "inputs.npy")
    assert done.code == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_adaline_trained_in_three_ways_gives_equal_answers_in_cpp(tmp_path: Path, ferry_run: Program):
    answers = set()
    for gradient in ("manual", "grad", "autograd"):
        run = train_recipe("iris-adaline", out=tmp_path / gradient, changes={"gradient": gradient})
        answers.add(answers_in_cpp(run, tmp_path / gradient, ferry_run))
    assert len(answers) == 1
    assert answers.pop().count(b"\n") == 30


@pytest.mark.slow
def test_functional_and_sequential_style_give_equal_answers_in_cpp(
    tmp_path: Path, ferry_run: Program, monkeypatch: pytest.MonkeyPatch
):
    answers = set()
    for name in ("mnist-mlp-relu", "mnist-mlp-relu-sequential"):
        monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], dataset="digits"))
        run = train_recipe(name, out=tmp_path / name, changes={"epochs": 2})
        answers.add(answers_in_cpp(run, tmp_path / name, ferry_run))
    assert len(answers) == 1
    assert answers.pop().count(b"\n") == 360
