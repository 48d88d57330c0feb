"""Two engines of one bundle on the same inputs: the evidence for moving from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.compare.bundle_diff import require_one_contract
from torchferry.compare.engine_diff import OutputDiff, Outputs, Pair, diff_engines
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
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


def diff(
    bundle: Bundle,
    first: Session,
    second: Session,
    *,
    inputs: Iterable[Mapping[str, Array]] | None = None,
    other: Bundle | None = None,
) -> EnginesDiff:
    """Run two sessions on the same inputs and say, per output, by how much the second differs from the first.

    inputs: batches, each an array [N, ...] per input by name, as the contract says; default: the goldens of `bundle`.
    other: the bundle of `second` where it is not `bundle`.

    Raises FerryError: USAGE for sessions on two devices, BAD_INPUT for inputs outside the contract, none at all, or bundles of two
    contracts, FORMAT for a bundle without a tolerance for an engine.
    """
    if first.device != second.device:
        raise FerryError(
            ExitCode.USAGE,
            f"diff: got sessions on {first.device} and {second.device}, expected both on one device; open one again",
        )
    if other is not None:
        require_one_contract(bundle, other)
    pair = Pair(first.engine, second.engine, device=first.device)
    described = f"{bundle.manifest.golden.source} goldens" if inputs is None else "the given inputs"
    batches = run_both(first, second, golden_inputs(bundle) if inputs is None else inputs)
    return EnginesDiff(pair, described, tuple(diff_engines(bundle, pair, batches, other=other)))


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


def diff_answers(
    bundle: Bundle, engine: str, answers: Mapping[str, Array], second: Session, inputs: Mapping[str, Array]
) -> list[OutputDiff]:
    """Return how `second` differs, per output, from what `engine` answered to the same inputs; both [N, ...] by name.

    Raises FerryError: FORMAT for a bundle without a tolerance for an engine, and what `second.run` raises.
    """
    return diff_engines(bundle, Pair(engine, second.engine, device=second.device), [(answers, second.run(inputs))])


def golden_inputs(bundle: Bundle, *, stress: bool = True) -> Iterator[dict[str, Array]]:
    """Yield the inputs [N, ...] of every golden case that is a single call; without `stress` only what the exporter's user gave."""
    for case in bundle.manifest.golden.calls:
        if case.origin == "stress" and not stress:
            continue
        yield dict(read_case(bundle, case).inputs)


def run_both(first: Session, second: Session, inputs: Iterable[Mapping[str, Array]]) -> Iterator[tuple[Outputs, Outputs]]:
    """Yield the outputs [N, ...] of both sessions for each batch."""
    for batch in inputs:
        yield first.run(batch), second.run(batch)
