"""`ferry diff`: two engines of one bundle against each other: the evidence for moving from one to the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated

import typer

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli.options import AllowNative, BundleFolder, Device, Json, Threads
from torchferry.compare.engine_diff import Outputs, Pair, diff_engines
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.report.engine_diff import diff_json, diff_lines
from torchferry.samples.source import open_samples


def diff(
    bundle: BundleFolder,
    engines: Annotated[str, typer.Option(help="Two engines, e.g. torchscript,aoti.", show_default=False)],
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", help="Samples as for `ferry predict`; default: the bundle's goldens.", show_default=False),
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples in one call.")] = 256,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    as_json: Json = False,
) -> int:
    """Run two engines on the same inputs and say whether one may stand for the other; exit code 1 if not."""
    opened = open_bundle(bundle)
    pair = Pair(*_two(engines), device=device)
    with ExitStack() as stack:
        inputs = (
            _goldens(opened) if not input_ else stack.enter_context(open_samples(opened.contract, input_, batch=batch)).batches
        )
        first, second = (
            Session(opened, engine, device=device, threads=threads, allow_native=allow_native)
            for engine in (pair.first, pair.second)
        )
        diffs = diff_engines(opened, pair, _run_both(first, second, inputs))
    golden = opened.manifest.golden
    described = ", ".join(input_) if input_ else f"{golden.source} goldens: {golden.description}"
    if as_json:
        typer.echo(json.dumps(diff_json(opened, pair, described, diffs), ensure_ascii=False))
    else:
        for line in diff_lines(opened, pair, described, diffs):
            typer.echo(line)
    return ExitCode.OK if all(found.passed for found in diffs) else ExitCode.MISMATCH


def _two(engines: str) -> tuple[str, str]:
    names = [name.strip() for name in engines.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise FerryError(ExitCode.USAGE, f"--engines: got {engines!r}, expected two different engines, e.g. torchscript,aoti")
    return names[0], names[1]


def _goldens(bundle: Bundle) -> Iterator[dict[str, Array]]:
    for case in bundle.manifest.golden.cases:
        yield dict(read_case(bundle, case).inputs)


def _run_both(first: Session, second: Session, inputs: Iterator[dict[str, Array]]) -> Iterator[tuple[Outputs, Outputs]]:
    for batch in inputs:
        yield first.run(batch), second.run(batch)
