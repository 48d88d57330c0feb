"""`ferry diff BUNDLE --engines A,B`: the evidence for moving from one engine to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.cli.console import say, say_json
from torchferry.compare.engine_diff import Outputs, Pair, diff_engines
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.engine_diff import diff_json, diff_lines
from torchferry.samples.source import open_samples


def diff_two_engines(
    bundle: Bundle,
    engines: str,
    *,
    inputs: list[str] | None,
    batch: int,
    device: str,
    threads: int,
    allow_native: bool,
    as_json: bool,
) -> int:
    """Run both on the same inputs and say whether one may stand for the other."""
    pair = Pair(*_two(engines), device=device)
    with ExitStack() as stack:
        batches = (
            golden_inputs(bundle)
            if not inputs
            else stack.enter_context(open_samples(bundle.contract, inputs, batch=batch)).batches
        )
        first, second = (
            Session(bundle, engine, device=device, threads=threads, allow_native=allow_native)
            for engine in (pair.first, pair.second)
        )
        diffs = diff_engines(bundle, pair, run_both(first, second, batches))
    golden = bundle.manifest.golden
    described = ", ".join(inputs) if inputs else f"{golden.source} goldens: {golden.description}"
    if as_json:
        say_json(diff_json(bundle, pair, described, diffs))
    else:
        for line in diff_lines(bundle, pair, described, diffs):
            say(line)
    return ExitCode.OK if all(found.passed for found in diffs) else ExitCode.MISMATCH


def _two(engines: str) -> tuple[str, str]:
    names = [name.strip() for name in engines.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise FerryError(ExitCode.USAGE, f"--engines: got {engines!r}, expected two different engines, e.g. torchscript,aoti")
    return names[0], names[1]


def golden_inputs(bundle: Bundle) -> Iterator[dict[str, Array]]:
    """The inputs of every golden case."""
    for case in bundle.manifest.golden.cases:
        yield dict(read_case(bundle, case).inputs)


def run_both(first: Session, second: Session, inputs: Iterator[dict[str, Array]]) -> Iterator[tuple[Outputs, Outputs]]:
    """What both give for each batch."""
    for batch in inputs:
        yield first.run(batch), second.run(batch)
