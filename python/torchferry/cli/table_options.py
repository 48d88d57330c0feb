"""Arguments of the verbs that read tables: how the table is to be understood."""

from __future__ import annotations

from typing import Annotated

import typer

from torchferry.bundle.printable import quoted
from torchferry.cli.options import require_name
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.columns import TableOptions, header_of
from torchferry.samples.delimiter import delimiter_of

Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="MARK",
        help="Between the cells of a table: , ; tab or space [default: the first lines show it].",
        show_default=False,
    ),
]
HeaderLine = Annotated[str, typer.Option(metavar="WORD", help="Does the first line name the columns: auto, yes or no?")]
IgnoreColumns = Annotated[
    bool, typer.Option("--ignore-columns", help="Leave out columns of a table that the contract does not name.")
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="COLUMN",
        callback=require_name,
        help="Write this column of the table in front of each answer.",
        show_default=False,
    ),
]


def table_options(delimiter: str | None, header: str, ignore_columns: bool, id_column: str | None) -> TableOptions:
    """Return what the options ask for. Raises FerryError(USAGE)."""
    if delimiter is not None:
        delimiter_of(delimiter)
    wanted = TableOptions(delimiter, header_of(header), ignore_columns, id_column)
    if wanted.header == "no" and id_column is not None:
        raise FerryError(
            ExitCode.USAGE, f"--id: got {quoted(id_column)} with --header no, expected a header; leave one of them out"
        )
    return wanted
