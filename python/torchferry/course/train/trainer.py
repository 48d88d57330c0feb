"""From a recipe to a run folder: set up, train, keep a checkpoint after every epoch, draw the curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torchferry.course.data import load_dataset
from torchferry.course.train.checkpoint import FILE_NAME, Checkpoint, load_checkpoint, save_checkpoint, write_atomically
from torchferry.course.train.config import TrainConfig, require_device
from torchferry.course.train.distributed import connected, launched
from torchferry.course.train.history import EpochRecord, to_json
from torchferry.course.train.loop import train
from torchferry.course.train.plots import accuracy_curve, loss_curve
from torchferry.course.train.recipe import Recipe
from torchferry.course.train.recipes import find_recipe
from torchferry.course.train.run import RUNS, Run, stored_data_root
from torchferry.course.train.training import Training, restore, snapshot, start_training, versions
from torchferry.errors import ExitCode, FerryError

OnEpoch = Callable[[EpochRecord, TrainConfig], None]
RESUMABLE_CHANGES = {"epochs", "device"}


def train_recipe(
    name: str,
    *,
    out: Path | None = None,
    data_root: Path | None = None,
    resume: bool = False,
    changes: Mapping[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
) -> Run:
    """Train the recipe into the folder `out` (default `runs/NAME`) and return the run.

    `changes` replaces the recipe's settings by name. With `resume` a training goes on from its last checkpoint with its own
    settings, of which only `epochs` and `device` may change; one that was killed before its first checkpoint starts anew. `on_epoch` is called
    when an epoch's checkpoint is on disk, so interrupting the process never loses more than one epoch. Under torchrun
    every process calls this function, and only the first one writes. Raises FerryError.
    """
    recipe = find_recipe(name)
    folder = RUNS / name if out is None else out
    checkpoint = load_checkpoint(folder) if resume and (folder / FILE_NAME).exists() else None
    config = _resumed_config(recipe, folder, checkpoint, changes or {}) if checkpoint else recipe.config(**changes or {})
    processes = launched()
    device = require_device(config.device, processes.local_rank)
    if checkpoint and data_root is None:
        data_root = stored_data_root(checkpoint)
    dataset = load_dataset(recipe.dataset, data_root)
    origin = {"recipe": name, "data_root": None if data_root is None else str(data_root.resolve()), "versions": versions()}
    with connected(processes, device):
        training = start_training(recipe, dataset, config, device, processes)
        if checkpoint:
            restore(training, checkpoint)
        _train_into(folder, training, origin, on_epoch)
    return Run(recipe, dataset, training.model.cpu().eval(), config, tuple(training.history), versions())


def _train_into(folder: Path, training: Training, origin: dict[str, Any], on_epoch: OnEpoch | None) -> None:
    first = training.processes.rank == 0
    _keep(folder, training, origin)
    try:
        for record in train(training):
            _keep(folder, training, origin)
            if on_epoch and first:
                on_epoch(record, training.config)
    finally:
        if training.history and first:
            _write_history(folder, training, origin)


def _keep(folder: Path, training: Training, origin: dict[str, Any]) -> None:
    checkpoint = snapshot(training, origin)
    if training.processes.rank == 0:
        save_checkpoint(folder, checkpoint)


def _write_history(folder: Path, training: Training, origin: dict[str, Any]) -> None:
    settings = {**origin, "loss": training.loss.name, "config": asdict(training.config)}
    write_atomically(folder / "history.json", to_json(settings, training.history))
    write_atomically(folder / "loss.png", loss_curve(origin["recipe"], training.loss.name, training.history))
    write_atomically(folder / "accuracy.png", accuracy_curve(origin["recipe"], training.history))


def _resumed_config(recipe: Recipe, folder: Path, checkpoint: Checkpoint, changes: Mapping[str, Any]) -> TrainConfig:
    if checkpoint.recipe != recipe.name:
        raise FerryError(
            ExitCode.USAGE,
            f"{folder / FILE_NAME}: recipe: got {checkpoint.recipe}, expected {recipe.name}; choose another --out",
        )
    for field, value in changes.items():
        kept = getattr(checkpoint.config, field)
        if field not in RESUMABLE_CHANGES and value != kept:
            option = field.replace("_", "-")
            raise FerryError(
                ExitCode.USAGE,
                f"--{option}: got {value}, expected {kept} with which the run began; leave it out or train without --resume",
            )
    return replace(checkpoint.config, **changes)
