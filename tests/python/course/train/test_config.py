"""Bad settings are one line and exit code 2."""

from __future__ import annotations

import pytest

from torchferry.course.train import TrainConfig, find_recipe, train_recipe
from torchferry.course.train.config import require_device
from torchferry.errors import ExitCode, FerryError

GOOD = {"epochs": 1, "batch_size": 1, "learning_rate": 0.1, "seed": 1}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("batch_size", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("seed", -1),
        ("seed", 2**53 + 1),
        ("accumulate", 0),
        ("validation", 1.0),
        ("validation", float("nan")),
        ("optimizer", "lbfgs"),
        ("gradient", "guess"),
        ("device", "gpu"),
        ("device", "cuda"),
        ("device", "cpu:0"),
    ],
)
def test_bad_setting_is_refused_by_name(option: str, value: object):
    with pytest.raises(FerryError, match=f"^--{option.replace('_', '-')}: got {value}, expected") as caught:
        TrainConfig(**{**GOOD, option: value})
    assert caught.value.code == ExitCode.USAGE


def test_a_device_that_is_not_there_is_unavailable():
    with pytest.raises(FerryError, match="got cuda:999, expected") as caught:
        require_device("cuda:999")
    assert caught.value.code == ExitCode.UNAVAILABLE


def test_unknown_recipe_names_those_that_exist():
    with pytest.raises(FerryError, match=r"got 'iris', expected one of iris-adaline, digits-mlp") as caught:
        find_recipe("iris")
    assert caught.value.code == ExitCode.USAGE


def test_nothing_is_written_when_a_setting_is_bad(tmp_path):
    with pytest.raises(FerryError):
        train_recipe("iris-adaline", changes={"epochs": -1})
    assert list(tmp_path.iterdir()) == []
