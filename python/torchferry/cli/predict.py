"""`ferry predict`: run samples from files through one engine, a batch at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli.console import say
from torchferry.cli.options import (
    AllowOp,
    BundleFolder,
    FerryRun,
    OneEngine,
    RequireSignature,
    TrustPaths,
    require_name,
    trust_of,
)
from torchferry.cli.session_options import AllowNative, Device, Isolate, Threads, Timeout, where_of
from torchferry.cli.table_options import Delimiter, HeaderLine, IdColumn, IgnoreColumns, table_options
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.ferry_run import become_ferry_run
from torchferry.proof.where import Where
from torchferry.samples.columns import TableOptions
from torchferry.samples.folder_sink import is_folder
from torchferry.samples.sink import SampleSink, check_output, open_sink
from torchferry.samples.source import SampleSource, open_samples

Inputs = Annotated[
    list[str],
    typer.Option(
        "--input",
        help=".npy, .csv, .parquet, Arrow, PNG, JPEG, BMP, PGM or PPM, a folder of images or @LIST; NAME=FILE with several inputs, "
        "or one .npz or table of all; - is stdin.",
        show_default=False,
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        help="Samples in one call [default: at most 256 and 8 MiB of inputs; all, where the model mixes samples].",
        show_default=False,
    ),
]
Output = Annotated[
    str, typer.Option(metavar="FILE", help=".jsonl, .csv, .npy or .npz; FOLDER/ for one file an input file; - is stdout.")
]
Format = Annotated[str | None, typer.Option("--format", help="jsonl, csv, npy or npz, whatever the ending.")]
Select = Annotated[str | None, typer.Option(callback=require_name, help="Write this output only.")]
Top = Annotated[int | None, typer.Option(metavar="K", help="Add the K classes with the highest scores.", show_default=False)]
CUT_NOTE = "an answer of this model depends on the samples in the same call, so where the input is cut changes the answers"


def predict(
    bundle: BundleFolder,
    input_: Inputs,
    engine: OneEngine = None,
    device: Device = "cpu",
    threads: Threads = 1,
    allow_native: AllowNative = False,
    allow_op: AllowOp = None,
    isolate: Isolate = None,
    timeout: Timeout = 0,
    ferry_run: FerryRun = None,
    output: Output = "-",
    format_: Format = None,
    select: Select = None,
    batch: Batch = None,
    delimiter: Delimiter = None,
    header: HeaderLine = "auto",
    ignore_columns: IgnoreColumns = False,
    id_: IdColumn = None,
    top: Top = None,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Run samples from files and write named outputs."""
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature))
    where = replace(where_of(device, threads, allow_native, allow_op), isolate=isolate, timeout=timeout)
    options = table_options(delimiter, header, ignore_columns, id_)
    if isolate:
        where.require_isolation(engine)
        given = {"--engine": engine, "--output": output, "--format": format_, "--select": select, "--batch": batch, "--top": top}
        become_ferry_run(ferry_run, "--isolate", _words(opened, input_, given, options, where))
    check_output(opened.contract, output, format_name=format_, select=select, id_column=id_, top=top)
    _say_where_cut(opened, batch)
    samples = open_samples(opened.contract, input_, batch=opened.contract.calls_of(batch), options=options)
    answers = partial(open_sink, opened.contract, output, format_name=format_, select=select, id_column=id_, top=top)
    with samples as source, answers(total=source.total, files=source.files if is_folder(output) else ()) as sink:
        source.read_ahead()
        used = _answer(opened, engine, where, source, sink)
    _say_done(source, sink, used)


def _say_done(source: SampleSource, sink: SampleSink, engine: str) -> None:
    say(f"predict: {source.describe()}, {sink.count} answer{'' if sink.count == 1 else 's'}, engine {engine}", err=True)


def _say_where_cut(bundle: Bundle, batch: int | None) -> None:
    if batch is not None and bundle.contract.samples == "batch":
        say(f"note: --batch {batch}: {CUT_NOTE}", err=True)


def _answer(bundle: Bundle, engine: str | None, where: Where, source: SampleSource, sink: SampleSink) -> str:
    """Return the engine that answered."""
    # Here, so that the parent that watches the deadline removes what the sink has begun.
    where = where.with_deadline()
    session = where.open_first(bundle) if engine is None else where.open(bundle, engine)
    for inputs in _with_progress(source):
        sink.write(session.run(inputs), source.ids)
    if sink.count != source.count:
        raise FerryError(
            ExitCode.INTERNAL, f"got {sink.count} answers for {source.count} samples, expected one each; please report this"
        )
    return session.engine


def _words(bundle: Bundle, inputs: list[str], given: Mapping[str, object], table: TableOptions, where: Where) -> list[object]:
    """Return the same command line for ferry-run."""
    given = {**given, "--delimiter": table.delimiter, "--header": table.header, "--id": table.id_column}
    ignore = ["--ignore-columns"] if table.ignore_columns else []
    samples = [part for value in inputs for part in ("--input", value)]
    options = [part for name, value in given.items() if value is not None for part in (name, value)]
    return ["predict", bundle.folder, *samples, *options, *ignore, *where.options, *bundle.trust_options]


def _with_progress(source: SampleSource) -> Iterator[dict[str, Array]]:
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield from source.batches
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("predict", total=source.total)
        for inputs in source.batches:
            yield inputs
            progress.advance(task, _samples(inputs))


def _samples(inputs: dict[str, Array]) -> int:
    return max(len(array) if array.ndim else 1 for array in inputs.values())
