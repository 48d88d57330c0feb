"""What a recipe is: a data set, a model, a loss and settings under one name. The recipes themselves are in recipes.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from torchferry.bundle.contract import Classes, Contract, TensorSpec, batch_symbols
from torchferry.course.data import Dataset
from torchferry.course.models.model import Model
from torchferry.course.train.config import TrainConfig
from torchferry.course.train.loss import Loss

NUM_GOLDEN = 64


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """`build` makes the untrained model for a data set; seed torch before calling it."""

    name: str
    dataset: str
    build: Callable[[Dataset], Model]
    outputs: Callable[[Dataset], list[TensorSpec]]
    loss: Loss
    defaults: TrainConfig

    def config(self, **changes: Any) -> TrainConfig:
        """Return the recipe's settings with some of them replaced by name. Raises FerryError(USAGE)."""
        return replace(self.defaults, **changes)

    def contract(self, dataset: Dataset) -> Contract:
        """Return what the exported model takes and gives; `N` is the batch."""
        image = TensorSpec(
            name=dataset.input_name,
            dtype=str(dataset.train_inputs.dtype).removeprefix("torch."),  # type: ignore[arg-type]
            shape=("N", *dataset.sample_shape),
            range=dataset.input_range,
            unit=dataset.input_unit,
            allow_nonfinite=False,
        )
        outputs = self.outputs(dataset)
        return Contract(
            inputs=(image,),
            outputs=tuple(outputs),
            symbols=batch_symbols(image, *outputs),
            classes=Classes(output="label", names=dataset.class_names),
            samples="independent",
        )

    def golden_inputs(self, dataset: Dataset) -> Tensor:
        """Return 64 real raw inputs [64, ...]: of the test set, and where that has fewer (Iris: 30) then of the training set."""
        return torch.cat([dataset.test_inputs[:NUM_GOLDEN], dataset.train_inputs[:NUM_GOLDEN]])[:NUM_GOLDEN]
