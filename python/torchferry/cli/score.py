"""`ferry score`: many rows through one bundle, in this process or on a Ray cluster."""

from __future__ import annotations

import sys
import time
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from torchferry.bundle.printable import quoted
from torchferry.cli.answer_options import Select, Top
from torchferry.cli.console import say
from torchferry.cli.options import AllowOp, BundleFolder, OneEngine, RequireSignature, TrustPaths, trust_of
from torchferry.cli.session_options import AllowNative, Device, Threads, where_of
from torchferry.cli.table_options import Delimiter, HeaderLine, IdColumn, IgnoreColumns, table_options
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.folder_sink import is_folder
from torchferry.samples.objects import is_object, require_url
from torchferry.score.folder import SKIPPED
from torchferry.score.job import policy_of, promise_of
from torchferry.score.on_ray import Cluster
from torchferry.score.score import Request, Scored
from torchferry.score.score import score as run_score

_REPORT_S = 10.0  # between two lines of progress where stderr is no terminal

Inputs = Annotated[
    list[str],
    typer.Option(
        "--input",
        help="A file or folder, here or at s3://BUCKET/KEY, of .npy, .npz, CSV, JSON lines, Parquet, Arrow, pictures or WAV, or @LIST; "
        "may be repeated. NAME=FILE with several inputs.",
        show_default=False,
    ),
]
Output = Annotated[
    str,
    typer.Option(
        metavar="FOLDER",
        help="Gets part-00000.jsonl and so on; a folder that all workers see, or s3://BUCKET/PREFIX.",
        show_default=False,
    ),
]
Batch = Annotated[int | None, typer.Option(help="Samples in one call [default: as predict].", show_default=False)]
PartRows = Annotated[
    int | None, typer.Option(help="Rows of one part, a multiple of the batch [default: about 16,384].", show_default=False)
]
Workers = Annotated[int | None, typer.Option(help="Workers [default: one for every --threads processors].", show_default=False)]
Local = Annotated[bool, typer.Option("--local", help="In this process alone, without Ray.")]
RayAddress = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Ray cluster, as host:6379 or auto [default: this machine].", show_default=False),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where a run into this folder ended; its whole parts stay as they are.")
]
BadRows = Annotated[
    str, typer.Option("--bad-rows", metavar="fail|skip", help="skip writes the rows that cannot be read to _skipped.jsonl.")
]
Allow = Annotated[str, typer.Option(metavar="bits|bound", help="bits refuses a machine whose kernels are others than here.")]
Format = Annotated[str, typer.Option("--format", help="jsonl, csv, npz or npy.")]


def score(
    bundle: BundleFolder,
    input_: Inputs,
    output: Output,
    local: Local = False,
    ray_address: RayAddress = None,
    workers: Workers = None,
    resume: Resume = False,
    bad_rows: BadRows = "fail",
    allow: Allow = "bits",
    engine: OneEngine = None,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    format_: Format = "jsonl",
    select: Select = None,
    batch: Batch = None,
    part_rows: PartRows = None,
    delimiter: Delimiter = None,
    header: HeaderLine = "auto",
    ignore_columns: IgnoreColumns = False,
    id_: IdColumn = None,
    top: Top = None,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Run many rows through a bundle: numbered files, no row lost or doubled, every worker proven on its machine."""
    where, asked = where_of(device, threads, allow_native, allow_op), trust_of(trust, require_signature)
    table = table_options(delimiter, header, ignore_columns, id_)
    request = Request(bundle, input_, _folder(output), where, _cluster(local, ray_address, workers), asked, engine, batch)
    request = replace(request, part_rows=part_rows, format=format_, select=select, top=top, table=table, resume=resume)
    request = replace(request, bad_rows=policy_of(bad_rows), allow=promise_of(allow))
    with redirect_stdout(sys.stderr):  # Ray prints there what it says of workers that died
        done = _with_progress(request)
    _say_done(output, done)


def _folder(output: str) -> str:
    if output in ("", "-"):
        raise FerryError(ExitCode.USAGE, "--output: got no folder, expected one; name a folder")
    if "://" in output and not is_object(output):
        raise FerryError(ExitCode.USAGE, f"--output: got {quoted(output)}, expected a folder or s3://BUCKET/PREFIX; name one")
    if is_object(output):
        require_url(output)
    return output.rstrip("/") if is_folder(output) and output != "/" else output


def _cluster(local: bool, address: str | None, workers: int | None) -> Cluster | None:
    """Return where the workers run; None: here. Raises FerryError(USAGE)."""
    if workers is not None and workers < 1:
        raise FerryError(ExitCode.USAGE, f"--workers: got {workers}, expected at least 1")
    if local and (address is not None or workers is not None):
        raise FerryError(
            ExitCode.USAGE, "--local: got --ray-address or --workers too, expected one process; leave one of them out"
        )
    return None if local else Cluster(address, workers)


def _with_progress(request: Request) -> Scored:
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("score", total=None)
            return run_score(request, lambda done, total: bar.update(task, completed=done, total=total))
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _REPORT_S:
            last = time.monotonic()
            say(f"score: {done} of {total} rows", err=True)

    return run_score(request, tell)


def _say_done(output: str, done: Scored) -> None:
    summary = done.summary
    parts = len(summary.parts)
    found = f" ({done.found} of them from before)" if done.found else ""
    files = summary.plan.unreadable
    counts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((summary.skipped - files, "row"), (files, "whole file"))
        if count
    ]
    skipped = f", {' and '.join(counts)} skipped: {SKIPPED}" if counts else ""
    settings = summary.plan.settings
    say(
        f"score: {summary.rows} answers in {parts} part{'' if parts == 1 else 's'}{found} of {output}{skipped}, engine {settings.engine}",
        err=True,
    )
