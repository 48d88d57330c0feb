"""`ferry trace`: one line a layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from torchferry.cli.main import run
from torchferry.course.data import load_dataset
from torchferry.course.train import load_run, train_recipe


@pytest.fixture(autouse=True)
def _trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train_recipe("iris-adaline")
    np.save("flowers.npy", load_dataset("iris").test_inputs.numpy())


def test_layers_and_their_statistics_are_printed_as_json(capsys: pytest.CaptureFixture[str]):
    assert run(["trace", "iris-adaline", "--input", "flowers.npy", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["samples"] == 30
    assert [layer["name"] for layer in document["layers"]] == ["preprocess", "network"]
    module = load_run("iris-adaline").module
    with torch.no_grad():
        expected = module(load_dataset("iris").test_inputs).net_input.double().numpy()
    layer = document["layers"][1]
    assert (layer["kind"], layer["shape"]) == ("Linear", [30, 1])
    assert layer["mean"] == pytest.approx(expected.mean())
    assert layer["std"] == pytest.approx(expected.std())
    assert (layer["min"], layer["max"]) == (expected.min(), expected.max())


def test_table_has_a_line_for_each_layer(capsys: pytest.CaptureFixture[str]):
    assert run(["trace", "iris-adaline", "--input", "flowers.npy", "--batch", "7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "iris-adaline: 7 samples of flowers.npy"
    assert [line.split()[:3] for line in lines[2:]] == [["preprocess", "Standardize", "[7,2]"], ["network", "Linear", "[7,1]"]]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.empty((0, 2), np.float32), "got no samples"),
        (np.full((1, 2), np.nan, np.float32), "got nan"),
        (np.zeros((1, 3), np.float32), "expected float32[N,2]"),
        (np.zeros((1, 2), np.uint8), "got uint8"),
    ],
    ids=["empty", "nan", "shape", "dtype"],
)
def test_bad_input_is_one_line(values: np.ndarray, says: str, capsys: pytest.CaptureFixture[str]):
    np.save("bad.npy", values)
    assert run(["trace", "iris-adaline", "--input", "bad.npy"]) == 7
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert says in errors


def test_unknown_run_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert run(["trace", "digits-mlp", "--input", "flowers.npy"]) == 6
    assert "ferry train digits-mlp" in capsys.readouterr().err
