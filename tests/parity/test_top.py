"""`predict --top K`: both programs rank the same classes, and NumPy agrees."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from builders.programs import ROOT, Program
from torchferry.bundle.reader import open_bundle

DIGITS = ROOT / "exported" / "digits-mlp"
IMAGES = DIGITS / "golden" / "batch-64.input.image.npy"


def predicted(program: Program, output: Path, *options: object) -> str:
    words = ["--engine", "onnxruntime", "--input", IMAGES, "--output", output, *options]
    done = program("predict", DIGITS, *words)
    assert done.code == 0, done.stderr
    return output.read_text()


def test_the_classes_are_ranked_by_their_probabilities(program: Program, tmp_path: Path) -> None:
    names = open_bundle(DIGITS).contract.classes
    assert names is not None
    rows = [json.loads(line) for line in predicted(program, tmp_path / "y.jsonl", "--top", 3).splitlines()]
    assert len(rows) == 64
    for row in rows:
        scores = np.array(row["probabilities"], np.float32)
        best = np.argsort(-scores, kind="stable")[:3]
        assert [entry["class"] for entry in row["top"]] == [names.names[index] for index in best]
        assert [np.float32(entry["score"]) for entry in row["top"]] == scores[best].tolist()
        assert row["top"][0]["class"] == row["class"]


def test_csv_has_two_columns_a_class_behind_the_outputs(program: Program, tmp_path: Path) -> None:
    lines = predicted(program, tmp_path / "y.csv", "--top", 2, "--select", "label").splitlines()
    assert lines[0] == "label,class,top[0].class,top[0].score,top[1].class,top[1].score"
    rows = list(csv.DictReader(lines))
    assert len(rows) == 64
    assert all(row["top[0].class"] == row["class"] for row in rows)
    assert all(float(row["top[0].score"]) >= float(row["top[1].score"]) for row in rows)


@pytest.mark.parametrize(
    ("bundle", "options", "words"),
    [
        ("digits-mlp", ["--top", 0], "--top: got 0, expected 1 to 10"),
        ("digits-mlp", ["--top", 11], "--top: got 11, expected 1 to 10"),
        ("digits-mlp", ["--top", 2, "--format", "npy"], "--top: got 2 for .npy, which holds numbers, expected .jsonl or .csv"),
        ("iris-adaline", ["--top", 1], "--top: got 1 for a contract without scores, expected an output float [N,2] beside"),
    ],
)
def test_what_cannot_be_ranked_is_refused_in_the_same_words(
    ferry: Program, ferry_run: Program, tmp_path: Path, bundle: str, options: list[object], words: str
) -> None:
    arguments = ["--input", IMAGES, "--output", tmp_path / "y.jsonl", "--select", "label", *options]
    done = [program("predict", ROOT / "exported" / bundle, *arguments) for program in (ferry, ferry_run)]
    assert done[0] == done[1]
    assert done[0].code == 2
    assert words in done[0].stderr
    assert list(tmp_path.iterdir()) == []
