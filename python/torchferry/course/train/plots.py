"""The curves of a training as PNG files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torchferry.course.train.history import EpochRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def loss_curve(title: str, loss_name: str, history: Sequence[EpochRecord]) -> bytes:
    """Draw the training loss by epoch, as PNG."""
    return _curves(title, loss_name, {"training": [record.loss for record in history]}, history)


def accuracy_curve(title: str, history: Sequence[EpochRecord]) -> bytes:
    """Draw the accuracies by epoch in percent, as PNG."""
    curves = {
        "training": [record.train_accuracy * 100 for record in history],
        "validation": [record.validation_accuracy * 100 for record in history if record.validation_accuracy is not None],
        "test": [record.test_accuracy * 100 for record in history],
    }
    return _curves(title, "accuracy (%)", {name: values for name, values in curves.items() if values}, history)


def _curves(title: str, ylabel: str, curves: Mapping[str, list[float]], history: Sequence[EpochRecord]) -> bytes:
    figure = curves_figure(title, ylabel, curves, [record.epoch for record in history])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def curves_figure(title: str, ylabel: str, curves: Mapping[str, list[float]], epochs: Sequence[int]) -> Figure:
    """Draw each curve over the epochs, whose axis has whole numbers only, be there one epoch or a thousand."""
    from matplotlib.figure import Figure  # here, because importing it takes longer than a short training
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(epochs, values, label=name, marker="." if len(epochs) <= 30 else "")
    axes.set(title=title, xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
