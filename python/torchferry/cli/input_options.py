"""Arguments of `predict` that say how its input files are to be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.columns import TableOptions
from torchferry.samples.options import InputOptions, input_format_of
from torchferry.samples.sink import is_stream

InputFormatName = Annotated[
    str,
    typer.Option(
        "--input-format",
        metavar="NAME",
        help="raw (values of the contract's dtype and shape), jsonl, csv, or auto: told by the content.",
    ),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="Read lines (CSV or JSON) as they come, and answer each at once: --input - --follow.")
]
Carry = Annotated[
    list[str] | None,
    typer.Option(
        metavar="INPUT=OUTPUT",
        help="With --follow: this input is zeros, then this output of the line before; may be repeated.",
        show_default=False,
    ),
]


def input_options(table: TableOptions, format_name: str, *, follow: bool, carry: list[str] | None) -> InputOptions:
    """Return what the options ask for. Raises FerryError(USAGE)."""
    return InputOptions(table, input_format_of(format_name), follow, tuple(carry or ()))


def check_output_is_no_input(output: str, inputs: Sequence[str]) -> None:
    """Refuse to replace a file that is read. Raises FerryError(USAGE)."""
    for argument in inputs:
        for path in (argument.removeprefix("@"), argument.partition("=")[2].removeprefix("@")):
            if os.path.isfile(output) and os.path.isfile(path) and Path(output).samefile(path):  # noqa: PTH113 (Path raises for a long name)
                raise FerryError(
                    ExitCode.USAGE, f"--output: got {quoted(output)}, which --input reads, expected another file; name another"
                )


def check_follow(reading: InputOptions, batch: int | None, output: str, format_name: str | None) -> int | None:
    """Return the samples of one call: what takes lines as they come gives answers as they come. Raises FerryError(USAGE)."""
    if reading.carry and not reading.follow:
        raise FerryError(
            ExitCode.USAGE,
            f"--carry: got {quoted(reading.carry[0])} without --follow, expected both: the state goes from line to line",
        )
    if not reading.follow:
        return batch
    if batch is not None:
        raise FerryError(
            ExitCode.USAGE,
            f"--batch: got {batch} with --follow, expected none: each line is answered at once; leave one of them out",
        )
    if reading.format == "raw":
        raise FerryError(ExitCode.USAGE, "--input-format: got raw with --follow, expected lines; leave one of them out")
    if format_name in ("npy", "npz"):
        raise FerryError(
            ExitCode.USAGE,
            f"--format: got {format_name} with --follow, expected jsonl or csv: an array is written when it is whole",
        )
    if not is_stream(output):
        raise FerryError(
            ExitCode.USAGE,
            f"--output: got {quoted(output)} with --follow, expected - (stdout) or a pipe: a file appears when it is whole",
        )
    return 1
