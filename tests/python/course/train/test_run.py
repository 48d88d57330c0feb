"""Run folders: what is written, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from torchferry.course.train import RECIPES, Run, load_run, train_recipe
from torchferry.course.train.loop import evaluate
from torchferry.errors import ExitCode, FerryError


def short(name: str = "digits-mlp", **changes: object) -> Run:
    return train_recipe(name, changes={"epochs": 3, **changes})


def test_run_folder_holds_checkpoint_history_and_curves():
    short()
    folder = Path("runs/digits-mlp")
    assert {path.name for path in folder.iterdir()} == {"checkpoint.pt", "history.json", "loss.png", "accuracy.png"}
    history = json.loads((folder / "history.json").read_text())
    assert [record["epoch"] for record in history["epochs"]] == [1, 2, 3]
    assert history["metrics"]["test_accuracy"] == history["epochs"][-1]["test_accuracy"]
    assert history["config"]["epochs"] == 3


@pytest.mark.parametrize("name", ["loss.png", "accuracy.png"])
def test_curves_are_pictures_that_change_with_the_history(name: str):
    short(epochs=2)
    first = np.asarray(Image.open(Path("runs/digits-mlp") / name).convert("RGB"))
    short(epochs=3)
    second = np.asarray(Image.open(Path("runs/digits-mlp") / name).convert("RGB"))
    assert first.shape == second.shape == (400, 600, 3)
    assert (first != second).any()


def test_loaded_run_is_the_trained_one_in_eval_mode():
    trained = short()
    loaded = load_run("digits-mlp")
    assert not any(module.training for module in loaded.module.modules())
    assert loaded.history == trained.history
    for name, value in trained.module.state_dict().items():
        assert torch.equal(loaded.module.state_dict()[name], value)
    assert loaded.training()["epochs"] == 3


def test_checkpoint_loads_with_weights_only():
    short("iris-adaline")
    content = torch.load("runs/iris-adaline/checkpoint.pt", weights_only=True)
    assert content["recipe"] == "iris-adaline"
    assert content["config"]["seed"] == 123
    assert set(content["model"]) == {"preprocess.mean", "preprocess.std", "network.weight", "network.bias"}


def test_reported_accuracy_is_that_of_the_exported_module():
    run = short()
    with torch.no_grad():
        labels = run.module(run.dataset.test_inputs).label
    assert run.history[-1].test_accuracy == pytest.approx(float((labels == run.dataset.test_targets).double().mean()))


def test_a_run_is_found_by_recipe_or_by_folder(tmp_path: Path):
    train_recipe("iris-adaline", out=tmp_path / "elsewhere", changes={"epochs": 1})
    assert load_run(tmp_path / "elsewhere").recipe.name == "iris-adaline"
    with pytest.raises(FerryError, match="ferry train iris-adaline") as caught:
        load_run("iris-adaline")
    assert caught.value.code == ExitCode.IO


def test_a_folder_that_cannot_be_written_is_one_line():
    Path("file").write_text("")
    with pytest.raises(FerryError, match=r"file/checkpoint\.pt: cannot write") as caught:
        train_recipe("iris-adaline", out=Path("file"))
    assert caught.value.code == ExitCode.IO


def test_every_recipe_has_defaults_of_the_course_or_better():
    assert RECIPES["iris-adaline"].defaults.epochs == 20
    assert (RECIPES["mnist-mlp"].defaults.epochs, RECIPES["mnist-mlp"].defaults.batch_size) == (100, 100)


def test_digits_are_learned_to_96_percent_or_better():
    assert train_recipe("digits-mlp").history[-1].test_accuracy >= 0.96


def test_mnist_reaches_92_percent_in_five_epochs(data_root: Path):
    run = train_recipe("mnist-mlp", data_root=data_root, changes={"epochs": 5})
    assert run.history[-1].test_accuracy >= 0.92
    assert load_run("mnist-mlp").dataset.train_inputs.shape[0] == 60_000


def test_golden_inputs_are_64_real_raw_rows():
    run = short("iris-adaline")
    golden = run.recipe.golden_inputs(run.dataset)
    assert torch.equal(golden[:30], run.dataset.test_inputs)
    assert torch.equal(golden[30:], run.dataset.train_inputs[:34])


def test_contract_describes_what_the_module_takes_and_gives():
    run = short()
    contract = run.recipe.contract(run.dataset)
    assert contract.inputs[0].describe() == "uint8[N,8,8]"
    outputs = run.module(run.recipe.golden_inputs(run.dataset))
    assert [spec.name for spec in contract.outputs] == list(outputs._fields)
    for spec, value in zip(contract.outputs, outputs, strict=True):
        assert str(value.dtype).removeprefix("torch.") == spec.dtype
        assert tuple(value.shape[1:]) == spec.shape[1:]


def test_evaluation_in_pieces_equals_evaluation_at_once(monkeypatch: pytest.MonkeyPatch):
    from torchferry.course.train.training import start_training

    run = short()
    training = start_training(run.recipe, run.dataset, run.config, torch.device("cpu"))
    whole = evaluate(training.model, training.train_set, training.loss)
    monkeypatch.setattr("torchferry.course.train.loop.EVALUATION_BATCH", 100)
    pieces = evaluate(training.model, training.train_set, training.loss)
    assert pieces == pytest.approx(whole, rel=1e-5)
