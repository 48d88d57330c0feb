"""Progress of a training: a bar with loss and accuracy on a terminal, some plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from torchferry.course.train.config import TrainConfig
from torchferry.course.train.history import EpochRecord


class EpochProgress:
    """Called after each epoch; used as a context, so that an interrupted bar leaves the terminal as it was."""

    def __init__(self, name: str, *, lines: int = 20, shown: bool = True) -> None:
        self._name, self._lines = name, lines
        self._console = Console(highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[figures]}"))
        visible = shown and self._console.is_terminal
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console, disable=not visible)
        self._task = self._bar.add_task(name, total=None, figures="")
        self._start = time.perf_counter()

    def __enter__(self) -> EpochProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, record: EpochRecord, config: TrainConfig) -> None:
        """Show this epoch."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=record.epoch, total=config.epochs, figures=record.describe())
        elif record.epoch in (1, config.epochs) or record.epoch % max(1, config.epochs // self._lines) == 0:
            seconds = time.perf_counter() - self._start
            self._console.print(f"{self._name}  epoch {record.epoch:>4}/{config.epochs}  {record.describe()}  {seconds:.1f} s")
