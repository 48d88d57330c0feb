"""How the user says that inputs are to be read."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, get_args

from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.columns import TableOptions
from torchferry.samples.picture import Picture

InputFormat = Literal["auto", "raw", "jsonl", "csv"]


@dataclass(frozen=True)
class InputOptions:
    """How the user says the input files are to be read.

    `format`: auto tells the kind by the content. `follow`: lines come one by one, and nothing is read ahead.
    `carry`: pairs `INPUT=OUTPUT` of a state. `pictures`: takes the pictures of the samples, where the answers show them. `rows`: these
    samples only, of files in which one can seek; they are whole batches from the first one on, or reach the last sample. `objects`: a
    file may be an object of a store, s3://BUCKET/KEY.
    """

    table: TableOptions = field(default_factory=TableOptions)
    format: InputFormat = "auto"
    follow: bool = False
    carry: tuple[str, ...] = ()
    pictures: deque[Picture] | None = None
    rows: range | None = None
    objects: bool = False


def input_format_of(word: str) -> InputFormat:
    """Return what `--input-format` says. Raises FerryError(USAGE)."""
    for known in get_args(InputFormat):
        if word == known:
            return known  # type: ignore[no-any-return]
    raise FerryError(ExitCode.USAGE, f"--input-format: got {quoted(word)}, expected auto, raw, jsonl or csv")
