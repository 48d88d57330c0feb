"""Arguments of `predict` that say how its input files are to be read."""

from __future__ import annotations

from typing import Annotated

import typer

from torchferry.samples.columns import TableOptions
from torchferry.samples.source import InputOptions, input_format_of

InputFormatName = Annotated[
    str,
    typer.Option(
        "--input-format", metavar="NAME", help="raw: values of the contract's dtype and shape; auto: told by the content."
    ),
]


def input_options(table: TableOptions, format_name: str) -> InputOptions:
    """Return what the options ask for. Raises FerryError(USAGE)."""
    return InputOptions(table, input_format_of(format_name))
