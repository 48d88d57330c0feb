"""`ferry predict`: run samples from files through one engine, a batch at a time."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.cli.answer_options import Select, Top
from torchferry.cli.console import say
from torchferry.cli.input_options import Carry, Follow, InputFormatName, check_follow, check_output_is_no_input, input_options
from torchferry.cli.options import (
    AllowOp,
    BundleFolder,
    FerryRun,
    OneEngine,
    RequireSignature,
    TrustPaths,
    trust_of,
)
from torchferry.cli.session_options import AllowNative, Device, Isolate, Threads, Timeout, where_of
from torchferry.cli.table_options import Delimiter, HeaderLine, IdColumn, IgnoreColumns, table_options
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.answering import open_answering
from torchferry.proof.ferry_run import become_ferry_run
from torchferry.proof.where import Where
from torchferry.samples.folder_sink import is_folder
from torchferry.samples.options import InputOptions
from torchferry.samples.picture import Picture
from torchferry.samples.sink import SampleSink, check_output, open_sink, shows_pictures
from torchferry.samples.source import SampleSource, open_samples

Inputs = Annotated[
    list[str],
    typer.Option(
        "--input",
        help=".npy, .csv, .jsonl, .parquet, Arrow, WAV, PNG, JPEG, BMP, PGM or PPM, a folder of WAV files or images or @LIST; NAME=FILE with "
        "several inputs, or one .npz or table of all; - is stdin.",
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
    str,
    typer.Option(
        metavar="FILE",
        help=".jsonl, .csv, .npy, .npz or .png (a mask, or a picture with its label); FOLDER/ for one file an input file; - is stdout.",
    ),
]
Lazy = Annotated[
    bool, typer.Option("--lazy", help="Check the SHA-256 of what the engine reads only: a large bundle opens sooner.")
]
Format = Annotated[str | None, typer.Option("--format", help="jsonl, csv, npy, npz or png, whatever the ending.")]
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
    input_format: InputFormatName = "auto",
    follow: Follow = False,
    carry: Carry = None,
    delimiter: Delimiter = None,
    header: HeaderLine = "auto",
    ignore_columns: IgnoreColumns = False,
    id_: IdColumn = None,
    top: Top = None,
    lazy: Lazy = False,
    trust: TrustPaths = None,
    require_signature: RequireSignature = False,
) -> None:
    """Run samples from files and write named outputs."""
    opened = open_bundle(bundle, trust=trust_of(trust, require_signature), lazy=lazy)
    where = replace(where_of(device, threads, allow_native, allow_op), isolate=isolate, timeout=timeout)
    reading = input_options(table_options(delimiter, header, ignore_columns, id_), input_format, follow=follow, carry=carry)
    if isolate:
        given = {"--engine": engine, "--output": output, "--format": format_, "--select": select, "--batch": batch, "--top": top}
        _let_ferry_run(ferry_run, opened, input_, given, reading, where, ["--lazy"] * lazy)
    answers = partial(open_sink, opened.contract, output, format_name=format_, select=select, id_column=id_, top=top)
    reading = replace(reading, pictures=_pictures_for(answers))
    samples = _open_samples(opened, reading, batch, input_, output, format_)
    with samples as source, answers(total=source.total, files=_named_after(source, output), pictures=reading.pictures) as sink:
        used = _answer(opened, engine, where, source, sink)
    _say_done(source, sink, used)


def _named_after(source: SampleSource, output: str) -> Sequence[str]:
    """Return the files after which those of a folder of answers are named."""
    return source.files if is_folder(output) else ()


def _pictures_for(answers: partial[Any]) -> deque[Picture] | None:
    """Return what takes the pictures of the samples until their answers are drawn into them; None for other answers."""
    kind, names = check_output(*answers.args, **answers.keywords)
    return deque() if shows_pictures(answers.args[0], kind, names) else None


def _say_done(source: SampleSource, sink: SampleSink, engine: str) -> None:
    say(f"predict: {source.describe()}, {sink.count} answer{'' if sink.count == 1 else 's'}, engine {engine}", err=True)


def _open_samples(
    bundle: Bundle, reading: InputOptions, batch: int | None, inputs: list[str], output: str, format_name: str | None
) -> contextlib.AbstractContextManager[SampleSource]:
    """Open the samples, once input and output fit each other, and say where cutting them changes the answers."""
    check_output_is_no_input(output, inputs)
    batch = check_follow(reading, batch, output, format_name)
    if batch is not None and bundle.contract.samples == "batch":
        say(f"note: --batch {batch}: {CUT_NOTE}", err=True)
    return open_samples(bundle.contract, inputs, batch=bundle.contract.calls_of(batch), options=reading)


def _answer(bundle: Bundle, engine: str | None, where: Where, source: SampleSource, sink: SampleSink) -> str:
    """Return the engine that answered."""
    source.read_ahead()
    # Here, so that the parent that watches the deadline removes what the sink has begun.
    where = where.with_deadline()
    session = open_answering(bundle, engine, where)
    for inputs in _with_progress(source):
        outputs = session.run(inputs)
        sink.write(outputs, source.ids)
        source.keep(outputs)
    if sink.count != source.count:
        raise FerryError(
            ExitCode.INTERNAL, f"got {sink.count} answers for {source.count} samples, expected one each; please report this"
        )
    return session.engine


def _let_ferry_run(
    program: Path | None,
    bundle: Bundle,
    inputs: list[str],
    given: Mapping[str, object],
    reading: InputOptions,
    where: Where,
    flags: list[str],
) -> None:
    """Become ferry-run with the same command line."""
    where.require_isolation(None if given["--engine"] is None else str(given["--engine"]))
    table = reading.table
    given = {**given, "--delimiter": table.delimiter, "--header": table.header, "--id": table.id_column}
    given["--input-format"] = reading.format
    flags = [*flags, *["--ignore-columns"] * table.ignore_columns, *["--follow"] * reading.follow]
    samples = [part for value in inputs for part in ("--input", value)]
    samples += [part for pair in reading.carry for part in ("--carry", pair)]
    options = [part for name, value in given.items() if value is not None for part in (name, value)]
    words = ["predict", bundle.folder, *samples, *options, *flags, *where.options, *bundle.trust_options]
    become_ferry_run(program, "--isolate", words)


def _with_progress(source: SampleSource) -> Iterator[dict[str, Array]]:
    if not sys.stderr.isatty():
        yield from source.batches
        return
    from rich.console import Console  # what draws takes as long to import as a small model to answer
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("predict", total=source.total)
        for inputs in source.batches:
            yield inputs
            progress.advance(task, _samples(inputs))


def _samples(inputs: dict[str, Array]) -> int:
    return max(len(array) if array.ndim else 1 for array in inputs.values())
