"""One worker in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchferry.score.folder import Receipt
from torchferry.score.job import Job
from torchferry.score.plan import Part
from torchferry.score.worker import Fault, Worker


def run_here(job: Job, parts: Sequence[Part]) -> Iterator[Receipt | Fault]:
    """Yield what the worker says of each part."""
    worker = Worker(job)
    return map(worker.score, parts)
