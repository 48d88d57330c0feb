"""The state of one training: how it starts, what a checkpoint keeps of it, how it goes on."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from torchferry.course.data import Dataset
from torchferry.course.models.model import Model
from torchferry.course.train.by_hand import StepByHand
from torchferry.course.train.checkpoint import Checkpoint
from torchferry.course.train.config import TrainConfig
from torchferry.course.train.distributed import Processes
from torchferry.course.train.history import EpochRecord
from torchferry.course.train.loss import Loss
from torchferry.course.train.recipe import Recipe
from torchferry.errors import ExitCode, FerryError


@dataclass(frozen=True, eq=False)
class Examples:
    """Preprocessed features [n, ...] and classes int64 [n], on the device of the training: loaded once, not once an epoch."""

    features: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the minibatch of the row numbers [n]: inputs [n, ...] and targets [n]."""
        return self.features.index_select(0, rows), self.targets.index_select(0, rows)


@dataclass(eq=False)
class Training:
    """Everything that one training reads and changes.

    `network` is `model.network`, wrapped where several processes train it; `shuffle` draws the order of the minibatches.
    """

    config: TrainConfig
    processes: Processes
    model: Model
    network: nn.Module
    loss: Loss
    optimizer: torch.optim.Optimizer | StepByHand
    shuffle: torch.Generator
    train_set: Examples
    test_set: Examples
    validation_set: Examples | None
    history: list[EpochRecord]


def start_training(
    recipe: Recipe, dataset: Dataset, config: TrainConfig, device: torch.device, processes: Processes | None = None
) -> Training:
    """Prepare a training before its first epoch: seeded, model and data on the device, the data preprocessed once.

    Raises FerryError(USAGE) where the settings do not fit the model, the data or the number of processes.
    """
    processes = processes or Processes()
    torch.manual_seed(config.seed)
    model = recipe.build(dataset).to(device)
    train_set = _examples(model, dataset.train_inputs, dataset.train_targets, device)
    train_set, validation_set = _hold_back(train_set, config.validation)
    _check_fit(config, model, len(train_set), processes)
    # Again, so that what follows does not depend on how many numbers the model drew; other dropout masks in each process.
    torch.manual_seed(config.seed + processes.rank)
    return Training(
        config=config,
        processes=processes,
        model=model,
        network=processes.wrap(model.network),
        loss=recipe.loss,
        optimizer=_optimizer(model, config),
        shuffle=torch.Generator().manual_seed(config.seed),
        train_set=train_set,
        test_set=_examples(model, dataset.test_inputs, dataset.test_targets, device),
        validation_set=validation_set,
        history=[],
    )


def snapshot(training: Training, origin: Mapping[str, Any]) -> Checkpoint:
    """Return the training's state as a checkpoint. Every process must call it: each has random numbers of its own."""
    device = training.train_set.features.device
    generators = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        generators["cuda"] = torch.cuda.get_rng_state(device)
    return Checkpoint(
        **origin,
        config=training.config,
        history=training.history,
        model=training.model.state_dict(),
        optimizer=training.optimizer.state_dict(),
        random={"shuffle": training.shuffle.get_state(), "processes": training.processes.gather(generators)},
    )


def restore(training: Training, checkpoint: Checkpoint) -> None:
    """Put a started training where the checkpoint left it. Raises FerryError(USAGE) if the number of processes differs."""
    states, processes = checkpoint.random["processes"], training.processes
    if len(states) != processes.size:
        raise FerryError(
            ExitCode.USAGE,
            f"--resume: got {processes.size} processes, expected {len(states)} as the run began with; use torchrun --nproc-per-node",
        )
    training.model.load_state_dict(checkpoint.model)
    training.optimizer.load_state_dict(checkpoint.optimizer)
    training.shuffle.set_state(checkpoint.random["shuffle"])
    torch.set_rng_state(states[processes.rank]["torch"])
    device = training.train_set.features.device
    if device.type == "cuda" and "cuda" in states[processes.rank]:
        torch.cuda.set_rng_state(states[processes.rank]["cuda"], device)
    training.history.extend(checkpoint.history)


def versions() -> dict[str, str]:
    """Return what the weights were made with; equal bits need equal versions and threads."""
    return {"python": platform.python_version(), "torch": str(torch.__version__), "threads": str(torch.get_num_threads())}


@torch.no_grad()
def _examples(model: Model, inputs: Tensor, targets: Tensor, device: torch.device) -> Examples:
    return Examples(model.preprocess(inputs.to(device)), targets.to(device))


def _hold_back(train_set: Examples, fraction: float) -> tuple[Examples, Examples | None]:
    """Split off the last `fraction` of the training set as the validation set."""
    held = round(len(train_set) * fraction)
    if held == 0:
        return train_set, None
    features, targets = train_set.features, train_set.targets
    return Examples(features[:-held], targets[:-held]), Examples(features[-held:], targets[-held:])


def _check_fit(config: TrainConfig, model: Model, num_examples: int, processes: Processes) -> None:
    """Check that every minibatch has enough rows for every process; the last one of an epoch may be smaller."""
    smallest = num_examples % config.batch_size or config.batch_size
    normalises = any(isinstance(layer, nn.BatchNorm1d) for layer in model.modules())
    needed = processes.size * (2 if normalises else 1)
    if smallest < needed:
        reason = "batch normalisation needs two in each process" if normalises else "each process needs one"
        raise FerryError(
            ExitCode.USAGE,
            f"--batch-size: got {config.batch_size}, whose smallest minibatch has {smallest} of {num_examples} rows, "
            f"expected at least {needed}: {reason}; choose another",
        )
    if processes.size > 1 and config.gradient != "autograd":
        raise FerryError(
            ExitCode.USAGE,
            f"--gradient: got {config.gradient}, expected autograd: several processes average what backward() computes",
        )


def _optimizer(model: Model, config: TrainConfig) -> torch.optim.Optimizer | StepByHand:
    parameters = model.network.parameters()
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.learning_rate)
    if config.gradient == "manual":
        return StepByHand(parameters, config.learning_rate)
    return torch.optim.SGD(parameters, lr=config.learning_rate)
