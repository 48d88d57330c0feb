"""What a training did, epoch by epoch: `history.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch. Loss and accuracies (0..1) are those of whole sets after the epoch; `seconds` includes evaluating them."""

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float | None
    test_accuracy: float
    seconds: float

    def describe(self) -> str:
        """Return a line such as `loss 0.10025  train 92.86 %  test 93.33 %`."""
        validation = "" if self.validation_accuracy is None else f"  validation {self.validation_accuracy:.2%}"
        text = f"loss {self.loss:.5f}  train {self.train_accuracy:.2%}{validation}  test {self.test_accuracy:.2%}"
        return text.replace("%", " %")


def metrics(history: Sequence[EpochRecord]) -> dict[str, float]:
    """Return the figures of the last epoch, by name; empty before the first."""
    if not history:
        return {}
    last = history[-1]
    values = {"loss": last.loss, "train_accuracy": last.train_accuracy, "test_accuracy": last.test_accuracy}
    if last.validation_accuracy is not None:
        values["validation_accuracy"] = last.validation_accuracy
    return values


def to_json(settings: dict[str, object], history: Sequence[EpochRecord]) -> bytes:
    """Return the text of `history.json`: the settings, the metrics, one object an epoch."""
    document = {**settings, "metrics": metrics(history), "epochs": [asdict(record) for record in history]}
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
