"""ADALINE against the numbers that the lecture published (STAT 453, L6.4)."""

from __future__ import annotations

import pytest
import torch

from torchferry.course.train import train_recipe

PUBLISHED_MSE = [
    0.38849, 0.31679, 0.26379, 0.22463, 0.19527, 0.17307, 0.15629, 0.14352, 0.13360, 0.12600,
    0.12007, 0.11547, 0.11178, 0.10884, 0.10656, 0.10470, 0.10320, 0.10200, 0.10105, 0.10025,
]  # fmt: skip


@pytest.mark.parametrize("gradient", ["manual", "grad", "autograd"])
def test_twenty_errors_and_both_accuracies_are_the_published_ones(gradient: str):
    run = train_recipe("iris-adaline", changes={"gradient": gradient})
    assert [round(record.loss, 5) for record in run.history] == PUBLISHED_MSE
    assert f"{run.history[-1].train_accuracy:.2%}" == "92.86%"
    assert f"{run.history[-1].test_accuracy:.2%}" == "93.33%"


def test_exported_module_gets_the_test_accuracy_from_centimetres():
    run = train_recipe("iris-adaline")
    with torch.no_grad():
        labels = run.module(run.dataset.test_inputs).label
    assert int((labels == run.dataset.test_targets).sum()) == 28


def test_another_learning_rate_gives_other_errors():
    run = train_recipe("iris-adaline", changes={"learning_rate": 0.011})
    assert [round(record.loss, 5) for record in run.history] != PUBLISHED_MSE
