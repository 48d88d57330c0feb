"""The plan of a run: its inputs by digest, how it answers, and the parts that it is cut into. It stands in the output folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from torchferry.bundle.contract import Size, Strict
from torchferry.errors import ExitCode, FerryError

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Strings = Annotated[tuple[str, ...], Field(strict=False)]


class InputFile(Strict):
    """A file that is read."""

    path: str
    bytes: Size
    sha256: Digest


class Stream(Strict):
    """Rows that follow each other: those of one file, of the files of several inputs, or of pictures, one a file.

    `arguments`: what `--input` would say of it. `unreadable`: nobody can say how many rows the file has; it counts as one, which is
    skipped.
    """

    arguments: Strings
    files: Annotated[tuple[InputFile, ...], Field(strict=False)]
    one_a_file: bool
    rows: Annotated[Size, Field(ge=1)]
    unreadable: bool = False


class Settings(Strict):
    """Everything besides bundle and inputs that decides what stands in the parts."""

    engine: str
    device: str
    threads: Size
    batch: Size
    part_rows: Size
    numerics: str
    format: str
    select: str | None
    top: Size | None
    id: str | None
    delimiter: str | None
    header: str
    ignore_columns: bool
    bad_rows: str


class Plan(Strict):
    """What is scored with what."""

    format_version: Literal[1]
    name: str
    manifest_sha256: Digest
    settings: Settings
    streams: Annotated[tuple[Stream, ...], Field(min_length=1, strict=False)]

    @property
    def rows(self) -> int:
        """How many samples the inputs have."""
        return sum(stream.rows for stream in self.streams)

    @property
    def unreadable(self) -> int:
        """How many files, or groups of them, are skipped whole."""
        return sum(stream.unreadable for stream in self.streams)

    def with_numerics(self, numerics: str) -> Plan:
        """Return the plan of a machine with these kernels."""
        return self.model_copy(update={"settings": self.settings.model_copy(update={"numerics": numerics})})


class Part(Strict):
    """Rows that become one file. `first`: the number of its first row, of all inputs; `start` and `stop`: rows of its stream."""

    index: Size
    first: Size
    start: Size
    stop: Size
    arguments: Strings
    one_a_file: bool

    @property
    def rows(self) -> int:
        """How many samples of the input it covers."""
        return self.stop - self.start


def cut(plan: Plan) -> Iterator[Part]:
    """Yield the parts in the order of the rows; no part has rows of two streams."""
    index = first = 0
    for stream in plan.streams:
        for start in range(0, stream.rows, plan.settings.part_rows):
            stop = min(start + plan.settings.part_rows, stream.rows)
            arguments = stream.arguments[start:stop] if stream.one_a_file else stream.arguments
            yield Part(index=index, first=first, start=start, stop=stop, arguments=arguments, one_a_file=stream.one_a_file)
            index, first = index + 1, first + stop - start


def require_same(old: Plan, new: Plan, where: str) -> None:
    """Refuse to go on with another bundle, other inputs or other options than a run began with. Raises FerryError(USAGE)."""
    if old.manifest_sha256 != new.manifest_sha256:
        raise _other(where, f"bundle {old.name} ({old.manifest_sha256[:16]}...)", f"{new.name} ({new.manifest_sha256[:16]}...)")
    for before, now in zip(_files(old), _files(new), strict=False):
        if (before.bytes, before.sha256) != (now.bytes, now.sha256):
            raise _other(where, f"{before.path} of sha256 {before.sha256[:16]}...", f"{now.path} of sha256 {now.sha256[:16]}...")
    if len(_files(old)) != len(_files(new)) or [one.rows for one in old.streams] != [one.rows for one in new.streams]:
        raise _other(where, f"{_counted(old)}", f"{_counted(new)}")
    before_all, now_all = _plain(old.settings), _plain(new.settings)
    for key, value in before_all.items():
        if now_all[key] != value:
            raise _other(where, f"{key} {value!r}", f"{now_all[key]!r}")


def _plain(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json")


def _files(plan: Plan) -> Sequence[InputFile]:
    return [file for stream in plan.streams for file in stream.files]


def _counted(plan: Plan) -> str:
    return f"{plan.rows} rows of {len(_files(plan))} files"


def _other(where: str, before: str, now: str) -> FerryError:
    return FerryError(
        ExitCode.USAGE, f"--resume: {where} was begun with {before}, now it is {now}, expected the same; name another folder"
    )
