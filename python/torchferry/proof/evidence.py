"""What a report is made of: measured by `ferry report`, drawn by page.py. Plain values; nothing here runs an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle
from torchferry.compare.bisect import Bisection
from torchferry.proof.matrix import Run

Float64 = NDArray[np.float64]
Labelled = tuple[str, Array]  # an engine, and the labels that it gave for the first golden case


@dataclass(frozen=True)
class Latency:
    """Median time of one call, in microseconds."""

    engine: str
    language: str
    batch: int
    microseconds: float


@dataclass(frozen=True)
class Evidence:
    """Everything that one report shows."""

    bundle: Bundle
    runs: Sequence[Run]
    errors: Mapping[str, Mapping[str, Float64]]  # output -> engine -> |actual - float64 golden|, of all cases
    layers: tuple[str, Bisection] | str  # an engine and its layers, or why there are none
    images: Array | None  # uint8 [N,H,W] or [N,H,W,3] of the first golden case, where the contract takes one image
    expected: Array | None  # the golden labels of the first case
    classes: Sequence[str]  # what a label is an index into; empty where there are no labels
    labels: Sequence[Labelled]
    latencies: Sequence[Latency]
    environment: Sequence[tuple[str, str]]
