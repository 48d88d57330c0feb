"""Two engines of one bundle on the same inputs: the evidence for moving from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.compare.engine_diff import OutputDiff, Outputs, Pair, diff_engines
from torchferry.engines.base import Session
from torchferry.proof.where import Where
from torchferry.samples.source import open_samples


@dataclass(frozen=True)
class EnginesDiff:
    """How each output differs; `inputs` says on what."""

    pair: Pair
    inputs: str
    outputs: tuple[OutputDiff, ...]

    @property
    def is_same(self) -> bool:
        """Is every output within its tolerance?"""
        return all(output.passed for output in self.outputs)


def diff_two_engines(
    bundle: Bundle, first: str, second: str, where: Where, *, samples: list[str] | None = None, batch: int = 256
) -> EnginesDiff:
    """Run both engines on the goldens, or on the files `samples` in batches of `batch`, and compare their outputs.

    Raises FerryError: UNAVAILABLE for an engine that cannot run here, BAD_INPUT for samples outside the contract or none at all,
    FORMAT for a bundle without a tolerance for an engine.
    """
    pair = Pair(first, second, device=where.device)
    with ExitStack() as stack:
        batches = (
            golden_inputs(bundle)
            if not samples
            else stack.enter_context(open_samples(bundle.contract, samples, batch=batch)).batches
        )
        one, two = (where.open(bundle, engine) for engine in (first, second))
        diffs = diff_engines(bundle, pair, run_both(one, two, batches))
    golden = bundle.manifest.golden
    described = ", ".join(samples) if samples else f"{golden.source} goldens: {golden.description}"
    return EnginesDiff(pair, described, tuple(diffs))


def golden_inputs(bundle: Bundle) -> Iterator[dict[str, Array]]:
    """Yield the inputs [N, ...] of every golden case."""
    for case in bundle.manifest.golden.cases:
        yield dict(read_case(bundle, case).inputs)


def run_both(first: Session, second: Session, inputs: Iterator[dict[str, Array]]) -> Iterator[tuple[Outputs, Outputs]]:
    """Yield the outputs [N, ...] of both sessions for each batch."""
    for batch in inputs:
        yield first.run(batch), second.run(batch)
