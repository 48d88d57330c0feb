"""Formats that refuse a module: with `--to all` the bundle holds what can be exported, and the rest is said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.formats.registry import Format


class RefusedFormatError(FerryError):
    """One format cannot be written: it cannot express the module, or what writes it is not here."""

    def __init__(self, row: Format, error: FerryError) -> None:
        super().__init__(error.code, str(error))
        self.row = row


@contextlib.contextmanager
def named_format(row: Format) -> Iterator[None]:
    """Say whose refusal it is. Raises RefusedFormatError(FORMAT, UNAVAILABLE) in place of these."""
    try:
        with named_extras(f"format {row.name}", row.extra):
            yield
    except FerryError as error:
        if error.code not in (ExitCode.FORMAT, ExitCode.UNAVAILABLE):
            raise
        raise RefusedFormatError(row, error) from None
