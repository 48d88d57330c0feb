"""The callbacks, in the trainers of the real packages: the trained module is carried, and what does not cross fails the training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import torchferry
from builders.spread import spread
from torchferry.errors import FerryError

X = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
Y = X @ torch.tensor([[1.0], [2.0], [-1.0]])


def answers_as(bundle: torchferry.Bundle, trained: nn.Module) -> bool:
    """Does the bundle answer as the module does after its training, in float64?"""
    session = torchferry.Session(bundle, "onnxruntime")
    (name,) = (spec.name for spec in session.contract.inputs)
    (answer,) = session.run({name: X.numpy()}).values()
    with torch.no_grad():
        expected = trained.double()(X.double()).numpy()
    return bool(np.abs(answer - expected).max() < 1e-5)


class Wrong(nn.Module):
    """A module that is not the same twice."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand(())


def lightning() -> Any:
    return pytest.importorskip("pytorch_lightning", reason="Lightning is not installed: make setup-edge")


def fit_lightning(callback: Any, folder: Path) -> Any:
    pl = lightning()

    class Net(pl.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            del index
            return nn.functional.mse_loss(self(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    model = Net()
    before = model.net.weight.clone()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=2, accelerator="cpu", callbacks=[callback], default_root_dir=folder, **quiet)
    trainer.fit(model, DataLoader(TensorDataset(X, Y), batch_size=8))
    assert not torch.equal(before, model.net.weight)
    return model


@pytest.mark.parametrize("whole", spread([True, False], 1), ids=["the LightningModule", "its network"])
def test_lightning_carries_the_trained_module(tmp_path: Path, whole: bool) -> None:
    lightning()
    from torchferry.integrations.lightning import CarryAtEnd

    callback = CarryAtEnd(
        {"x" if whole else "input": X}, tmp_path / "mine", module=None if whole else lambda it: it.net, to=["onnx"]
    )
    model = fit_lightning(callback, tmp_path)
    assert callback.bundle is not None
    assert answers_as(callback.bundle, model.net)


def test_lightning_fails_with_the_line_of_what_does_not_cross(tmp_path: Path) -> None:
    lightning()
    from torchferry.integrations.lightning import CarryAtEnd

    with pytest.raises(FerryError, match="got two answers"):
        fit_lightning(CarryAtEnd({"x": X}, tmp_path / "mine", module=lambda _: Wrong(), to=["onnx"]), tmp_path)
    assert not (tmp_path / "mine").exists()


class Rows(Dataset[dict[str, torch.Tensor]]):
    """What the Trainer collates."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"x": X[index], "labels": Y[index]}


class Model(nn.Module):
    """As the Trainer wants one: a dictionary with the loss where there are labels."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        answer = self.net(x)
        return {"logits": answer} if labels is None else {"loss": nn.functional.mse_loss(answer, labels), "logits": answer}


def fit_transformers(callback: Any, folder: Path) -> Model:
    transformers = pytest.importorskip("transformers", reason="Transformers is not installed: make setup-edge")
    pytest.importorskip("accelerate", reason="accelerate is not installed: make setup-edge")
    options = {"use_cpu": True, "report_to": [], "save_strategy": "no", "disable_tqdm": True, "logging_strategy": "no"}
    arguments = transformers.TrainingArguments(output_dir=str(folder / "run"), num_train_epochs=1, learning_rate=0.1, **options)
    model = Model()
    before = model.net.weight.clone()
    done = transformers.Trainer(model=model, args=arguments, train_dataset=Rows(), callbacks=[callback]).train()
    assert math.isfinite(done.training_loss)
    assert not torch.equal(before, model.net.weight)
    return model


def transformers_callback(*arguments: Any, **options: Any) -> Any:
    pytest.importorskip("transformers", reason="Transformers is not installed: make setup-edge")
    from torchferry.integrations.transformers import CarryAtEnd

    return CarryAtEnd(*arguments, **options)


@pytest.mark.parametrize("whole", spread([True, False], 1), ids=["the model", "its network"])
def test_the_trainer_of_transformers_carries_the_trained_model(tmp_path: Path, whole: bool) -> None:
    name = "x" if whole else "input"
    callback = transformers_callback({name: X}, tmp_path / "mine", module=None if whole else lambda it: it.net, to=["onnx"])
    model = fit_transformers(callback, tmp_path)
    assert answers_as(callback.bundle, model.net)


def test_the_trainer_of_transformers_fails_with_the_line_of_what_does_not_cross(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match="got two answers"):
        fit_transformers(transformers_callback({"x": X}, tmp_path / "mine", module=lambda _: Wrong(), to=["onnx"]), tmp_path)
