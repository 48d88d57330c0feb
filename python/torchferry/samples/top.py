"""`--top K`: the classes with the highest scores of a sample. The C++ twin is cpp/cli/top_classes.cpp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.errors import ExitCode, FerryError


@dataclass(frozen=True)
class TopClasses:
    """Which output has the scores [N,K] of the K classes, and how many of them are wanted."""

    count: int
    names: tuple[str, ...]
    scores: str

    def of(self, outputs: Mapping[str, Array]) -> Iterator[tuple[list[str], Array]]:
        """Yield the names and the scores [count] of each sample of [n, K], the highest first; of equal ones the first class."""
        scores = outputs[self.scores]
        order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, : self.count]
        for indices, row in zip(order, scores, strict=True):
            yield [self.names[index] for index in indices], row[indices]


def top_classes(contract: Contract, count: int | None) -> TopClasses | None:
    """Return what `--top` asks for. Raises FerryError(USAGE) where the contract has no classes or no scores of them."""
    if count is None:
        return None
    if contract.classes is None:
        raise FerryError(
            ExitCode.USAGE, f"--top: got {count} for a contract without classes, expected one that names them; leave it out"
        )
    names = contract.classes.names
    found = scores_of(contract)
    if contract.output(contract.classes.output).shape != (BATCH,) or not found:
        raise FerryError(
            ExitCode.USAGE,
            f"--top: got {count} for a contract without scores, expected an output float [N,{len(names)}] beside the label [N]; leave it out",
        )
    if not 1 <= count <= len(names):
        raise FerryError(ExitCode.USAGE, f"--top: got {count}, expected 1 to {len(names)}")
    return TopClasses(count, names, found[0])


def scores_of(contract: Contract) -> list[str]:
    """Return the outputs that have a score [N,K] for each of the classes, `probabilities` first."""
    count = 0 if contract.classes is None else len(contract.classes.names)
    found = [spec.name for spec in contract.outputs if spec.is_float and spec.shape == (BATCH, count)]
    return sorted(found, key=lambda name: name != "probabilities")
