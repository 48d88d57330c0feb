"""The course's table: what is within a band and what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from torchferry.cli.course import describe
from torchferry.course.train import RECIPES, course
from torchferry.course.train.course import ADALINE_LOSSES, ROWS, Published, compare, train_row
from torchferry.course.train.history import EpochRecord


def record(epoch: int = 1, loss: float = 0.1, train: float = 0.9286, test: float = 0.9333) -> EpochRecord:
    return EpochRecord(epoch=epoch, loss=loss, train_accuracy=train, validation_accuracy=None, test_accuracy=test, seconds=0.5)


def row(name: str) -> Published:
    return next(published for published in ROWS if published.row == name)


def test_every_published_row_has_a_recipe():
    assert {published.recipe for published in ROWS} <= set(RECIPES)
    assert len({published.row for published in ROWS}) == len(ROWS) == 8


@pytest.mark.parametrize("gradient", ["manual", "grad", "autograd"])
def test_adaline_rows_are_met_exactly(gradient: str, tmp_path: Path):
    result = train_row(row(f"adaline-{gradient}"), tmp_path, None)
    assert result.within
    assert {path.name for path in (tmp_path / f"adaline-{gradient}").iterdir()} >= {"loss.png", "accuracy.png"}


def test_adaline_is_outside_when_one_error_differs_in_the_fifth_decimal():
    history = [record(epoch, loss) for epoch, loss in enumerate(ADALINE_LOSSES, 1)]
    assert compare(row("adaline-grad"), history).within
    history[7] = record(8, ADALINE_LOSSES[7] + 0.00001)
    assert not compare(row("adaline-grad"), history).within


@pytest.mark.parametrize(
    ("train", "test", "within"),
    [(0.9900, 0.9761, True), (0.9871, 0.9790, True), (0.9900, 0.9730, False), (0.9931, 0.9761, False), (0.5, 0.5, False)],
)
def test_mnist_is_within_when_both_accuracies_are_within_0_3_points(train: float, test: float, within: bool):
    assert compare(row("mnist-mlp"), [record(train=train, test=test)]).within is within


def test_the_line_shows_published_and_ours():
    line = describe(compare(row("mnist-mlp"), [record(loss=0.0416, train=0.9901, test=0.9758)]))
    assert line.split() == "mnist-mlp 1 99.00 -> 99.01 97.61 -> 97.58 0.0436 -> 0.0416 255.0 -> 0.5 within".split()  # noqa: SIM905


def test_course_writes_results_and_ends_with_1_when_a_row_is_outside(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from torchferry.cli.main import run

    wrong = replace(row("adaline-grad"), row="wrong", test_accuracy=0.9)
    monkeypatch.setattr(course, "ROWS", (row("adaline-manual"), wrong))
    assert run(["course", "--data-root", str(data_root), "--out", str(tmp_path / "out")]) == 1
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(entry["published"]["row"], entry["within"]) for entry in document["rows"]] == [
        ("adaline-manual", True),
        ("wrong", False),
    ]
    assert "1 of 2 rows within their bands" in capsys.readouterr().out


def test_missing_data_is_told_before_anything_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from torchferry.cli.main import run

    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    assert run(["course", "--data-root", str(tmp_path / "none")]) == 7
    assert list(tmp_path.iterdir()) == []
