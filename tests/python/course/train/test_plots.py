"""The curves of a training."""

from __future__ import annotations

import pytest

from torchferry.course.train.plots import curves_figure


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 30, 1000])
def test_the_axis_of_epochs_has_whole_numbers(epochs: int) -> None:
    figure = curves_figure("a run", "loss", {"training": [1.0] * epochs}, range(1, epochs + 1))
    figure.canvas.draw()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    ticks = [float(tick) for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick.is_integer() for tick in ticks)
    shown = {label.get_text() for label in axes.get_xticklabels()}
    assert not any("." in text for text in shown)
