"""The training loop. There is one: every recipe, optimizer, device and way to the gradient goes through it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from torchferry.course.models.model import Model
from torchferry.course.train.gradient import GRADIENTS
from torchferry.course.train.history import EpochRecord
from torchferry.course.train.loss import Loss
from torchferry.course.train.training import Examples, Training
from torchferry.errors import ExitCode, FerryError

EVALUATION_BATCH = 10_000


def train(training: Training) -> Iterator[EpochRecord]:
    """Train up to `config.epochs`; yields after each epoch, when everything in `training` belongs to that epoch.

    Raises FerryError(BAD_INPUT) as soon as an epoch's loss is not finite.
    """
    for epoch in range(len(training.history) + 1, training.config.epochs + 1):
        start = time.perf_counter()
        losses = train_epoch(training)
        if not torch.isfinite(losses).all():
            batch = int(torch.isfinite(losses).int().argmin())
            raise diverged(epoch, batch + 1, len(losses), losses[batch].item())
        record = evaluate_epoch(training, epoch, start)
        if not math.isfinite(record.loss):
            raise diverged(epoch, len(losses), len(losses), record.loss)  # by the last step
        training.history.append(record)
        yield record


def train_epoch(training: Training) -> Tensor:
    """Pass over the shuffled training set once, and return the loss of each minibatch, [minibatches].

    A step is one minibatch, or with `accumulate` several whose gradients add up to that of one large minibatch.
    """
    config, processes, gradient = training.config, training.processes, GRADIENTS[training.config.gradient]
    training.network.train()
    losses = []
    permutation = torch.randperm(len(training.train_set), generator=training.shuffle)
    for step in permutation.to(training.train_set.targets.device).split(config.batch_size * config.accumulate):
        training.optimizer.zero_grad()
        for batch in step.split(config.batch_size):
            rows = processes.share(batch)
            features, targets = training.train_set.take(rows)
            weight = processes.size * len(rows) / len(step)  # the processes' gradients are averaged, those of a step added
            losses.append(gradient(training.network, training.loss, features, targets, weight))
        training.optimizer.step()
    return torch.stack(losses)


def evaluate_epoch(training: Training, epoch: int, start: float) -> EpochRecord:
    """Measure loss and accuracies after an epoch, on whole sets."""
    loss, train_accuracy = evaluate(training.model, training.train_set, training.loss)
    validation = training.validation_set
    return EpochRecord(
        epoch=epoch,
        loss=loss,
        train_accuracy=train_accuracy,
        validation_accuracy=evaluate(training.model, validation, training.loss)[1] if validation is not None else None,
        test_accuracy=evaluate(training.model, training.test_set, training.loss)[1],
        seconds=time.perf_counter() - start,
    )


@torch.no_grad()
def evaluate(model: Model, examples: Examples, loss: Loss) -> tuple[float, float]:
    """Return loss and accuracy (0..1) in eval mode."""
    model.eval()
    total_loss, correct = 0.0, 0
    for features, targets in zip(
        examples.features.split(EVALUATION_BATCH), examples.targets.split(EVALUATION_BATCH), strict=True
    ):
        scores = model.network(features)
        total_loss += loss.value(scores, targets).item() * len(targets)
        correct += int((model.predict(scores) == targets).sum())
    return total_loss / len(examples), correct / len(examples)


def diverged(epoch: int, batch: int, batches: int, loss: float) -> FerryError:
    """Make the error that stops a training before its checkpoint replaces a good one."""
    return FerryError(
        ExitCode.BAD_INPUT,
        f"loss: epoch {epoch}, batch {batch} of {batches}: got {loss}, expected a finite number; "
        f"lower --learning-rate (the checkpoint of epoch {epoch - 1} is kept)",
    )
