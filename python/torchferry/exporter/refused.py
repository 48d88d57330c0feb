"""Formats that refuse a module: with `--to all` the bundle holds what can be exported, and the rest is said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.formats import registry
from torchferry.formats.registry import Format


class NoAnswerError(FerryError):
    """An artifact gave no answer where it should: what it would have said is not known to be wrong."""

    def __init__(self, problem: str) -> None:
        super().__init__(ExitCode.MISMATCH, problem)


class RefusedFormatError(FerryError):
    """One format cannot be in the bundle: it cannot express the module, what writes it is not here, or its answers are out of bounds."""

    def __init__(self, row: Format, error: FerryError) -> None:
        super().__init__(error.code, str(error))
        self.row = row
        self.has_wrong_answers = error.code == ExitCode.MISMATCH and not isinstance(error, NoAnswerError)


@contextlib.contextmanager
def named_answers(engine: str) -> Iterator[None]:
    """Say whose answers are wrong. Raises RefusedFormatError(MISMATCH) in place of that."""
    try:
        yield
    except RefusedFormatError:
        raise
    except FerryError as error:
        row = registry.of_engine(engine)
        if error.code != ExitCode.MISMATCH or row is None:
            raise
        raise RefusedFormatError(row, error) from None


@contextlib.contextmanager
def named_format(row: Format) -> Iterator[None]:
    """Say whose refusal it is. Raises RefusedFormatError(FORMAT, UNAVAILABLE, MISMATCH) in place of these."""
    try:
        with named_extras(f"format {row.name}", row.extra):
            yield
    except FerryError as error:
        if error.code not in (ExitCode.FORMAT, ExitCode.UNAVAILABLE, ExitCode.MISMATCH):
            raise
        raise RefusedFormatError(row, error) from None
