"""Recipes of the course on small data: each trains, resumes to equal bits, and leaves a module in eval mode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from builders.spread import spread
from torchferry.course.train import RECIPES, load_run, train_recipe
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle

ON_MNIST = [name for name, recipe in RECIPES.items() if recipe.dataset == "mnist"]


@pytest.fixture(autouse=True)
def _digits_instead_of_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same recipes on data that comes with scikit-learn."""
    for name in ON_MNIST:
        monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], dataset="digits"))


@pytest.mark.parametrize("name", spread(ON_MNIST, 2))
def test_recipe_lowers_its_loss_and_resumes_to_equal_bits(name: str):
    whole = train_recipe(name, out=Path("whole"), changes={"epochs": 4, "batch_size": 20})
    train_recipe(name, out=Path("parts"), changes={"epochs": 2, "batch_size": 20})
    torch.manual_seed(99)  # dropout must go on with the random numbers of the checkpoint
    parts = train_recipe(name, out=Path("parts"), changes={"epochs": 4}, resume=True)
    assert whole.history[-1].loss < whole.history[0].loss
    assert [record.loss for record in parts.history] == [record.loss for record in whole.history]
    for key, value in load_run("whole").module.state_dict().items():
        assert torch.equal(parts.module.state_dict()[key], value), key
    assert not any(module.training for module in parts.module.modules())


@pytest.mark.parametrize("name", spread(ON_MNIST, 3))
def test_reported_accuracy_is_that_of_eval_mode(name: str):
    run = train_recipe(name, changes={"epochs": 2, "batch_size": 20})
    with torch.no_grad():
        labels = run.module(run.dataset.test_inputs).label
    assert run.history[-1].test_accuracy == float((labels == run.dataset.test_targets).double().mean())


def test_validation_rows_are_held_back_from_training():
    run = train_recipe("mnist-mlp-adam", changes={"epochs": 1})
    assert run.history[0].validation_accuracy is not None
    from torchferry.course.train.training import start_training

    training = start_training(run.recipe, run.dataset, run.config, torch.device("cpu"))
    assert training.validation_set is not None
    assert (len(training.train_set), len(training.validation_set)) == (1293, 144)


def test_batchnorm_with_a_minibatch_of_one_row_is_refused():
    with pytest.raises(FerryError, match=r"smallest minibatch has 1 of 1437 rows.*batch normalisation needs two") as caught:
        train_recipe("mnist-mlp-batchnorm", changes={"batch_size": 4})
    assert caught.value.code == ExitCode.USAGE


def test_gradient_by_hand_is_refused_for_a_network_without_one():
    with pytest.raises(FerryError, match="--gradient: got manual, which is not written out for Sequential"):
        train_recipe("mnist-mlp-relu-sequential", changes={"gradient": "manual"})


@pytest.mark.parametrize("name", ["mnist-mlp-dropout", "mnist-mlp-batchnorm"])
def test_export_in_train_mode_is_refused_with_the_reason(name: str, tmp_path: Path):
    run = train_recipe(name, changes={"epochs": 1})
    contract = run.recipe.contract(run.dataset)
    golden = GoldenInputs({contract.inputs[0].name: np.asarray(run.recipe.golden_inputs(run.dataset))}, "real", "digits")
    with pytest.raises(FerryError, match="train mode, expected eval mode: dropout and batch norm would behave as in training"):
        export_bundle(
            BundleRequest(
                run.module.train(), name="x", contract=contract, golden=golden, formats=["torchscript"], out=tmp_path / "b"
            )
        )
    assert not (tmp_path / "b").exists()
