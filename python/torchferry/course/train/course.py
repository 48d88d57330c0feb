"""The course's results: what the lectures published, trained again and held against it (STAT 453, L6.4, L8, L9.3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torchferry.course.data import load_dataset
from torchferry.course.train.history import EpochRecord
from torchferry.course.train.recipes import find_recipe
from torchferry.course.train.trainer import OnEpoch, train_recipe

MNIST_BAND = 0.003
"""Accuracies on MNIST are met to 0.3 percentage points: today's random numbers are not those of the lecture's DataLoader."""

ADALINE_LOSSES = (
    0.38849, 0.31679, 0.26379, 0.22463, 0.19527, 0.17307, 0.15629, 0.14352, 0.13360, 0.12600,
    0.12007, 0.11547, 0.11178, 0.10884, 0.10656, 0.10470, 0.10320, 0.10200, 0.10105, 0.10025,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row of the lectures. `None`: not published. Losses are by epoch, or of the last one only; `seconds` are the lecture's."""

    row: str
    recipe: str
    changes: dict[str, Any] = field(default_factory=dict)
    losses: tuple[float, ...] = ()
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    seconds: float | None = None
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """A row as we trained it. `within`: are all published figures met inside the row's band?"""

    published: Published
    loss: float
    train_accuracy: float
    test_accuracy: float
    epochs: int
    seconds: float
    within: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def _adaline(gradient: str) -> Published:
    return Published(
        row=f"adaline-{gradient}",
        recipe="iris-adaline",
        changes={"gradient": gradient},
        losses=ADALINE_LOSSES,
        train_accuracy=0.9286,
        test_accuracy=0.9333,
        exact=True,
    )


ROWS: tuple[Published, ...] = (
    *(_adaline(gradient) for gradient in ("manual", "grad", "autograd")),
    Published(
        row="mnist-mlp",
        recipe="mnist-mlp",
        losses=(0.0436,),
        train_accuracy=0.9900,
        test_accuracy=0.9761,
        seconds=4.25 * 60,
    ),
    Published(row="mnist-mlp-mse", recipe="mnist-mlp-mse", losses=(0.0171,), train_accuracy=0.9079, test_accuracy=0.9132),
    Published(row="mnist-mlp-scratch", recipe="mnist-mlp-scratch", train_accuracy=0.9469, test_accuracy=0.9453),
    Published(row="mnist-mlp-adam", recipe="mnist-mlp-adam", train_accuracy=0.9714, test_accuracy=0.9635),
    Published(row="mnist-softmax", recipe="mnist-softmax", test_accuracy=0.922),
)


def check_data(rows: Sequence[Published], data_root: Path | None) -> None:
    """Load every data set of the rows once, so that missing data is told before anything is trained. Raises FerryError."""
    for name in sorted({find_recipe(published.recipe).dataset for published in rows}):
        load_dataset(name, data_root)


def train_row(published: Published, folder: Path, data_root: Path | None, on_epoch: OnEpoch | None = None) -> Result:
    """Train one row into `folder/ROW` and hold it against what was published. Raises FerryError."""
    run = train_recipe(
        published.recipe, out=folder / published.row, data_root=data_root, changes=published.changes, on_epoch=on_epoch
    )
    return compare(published, run.history)


def compare(published: Published, history: Sequence[EpochRecord]) -> Result:
    """Compare the published figures with a training's history."""
    last = history[-1]
    return Result(
        published=published,
        loss=last.loss,
        train_accuracy=last.train_accuracy,
        test_accuracy=last.test_accuracy,
        epochs=len(history),
        seconds=sum(record.seconds for record in history),
        within=_accuracies_within(published, last) and (not published.exact or _losses_equal(published, history)),
    )


def _accuracies_within(published: Published, last: EpochRecord) -> bool:
    pairs = ((published.train_accuracy, last.train_accuracy), (published.test_accuracy, last.test_accuracy))
    if published.exact:
        return all(wanted is None or round(got, 4) == wanted for wanted, got in pairs)
    return all(wanted is None or abs(got - wanted) <= MNIST_BAND for wanted, got in pairs)


def _losses_equal(published: Published, history: Sequence[EpochRecord]) -> bool:
    return tuple(round(record.loss, 5) for record in history) == published.losses
