"""Which rows there are: the files of `--input`, their digests, and how many samples each has. The reading is that of samples/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from torchferry.bundle.contract import Contract
from torchferry.bundle.digest import sha256_of_stream
from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.columns import TableOptions
from torchferry.samples.image_files import expand
from torchferry.samples.objects import expand_objects, is_object, open_object, size_of_object
from torchferry.samples.options import InputOptions
from torchferry.samples.source import open_samples
from torchferry.score.job import BadRows
from torchferry.score.plan import InputFile, Plan, Stream


def survey(contract: Contract, arguments: Sequence[str], table: TableOptions, bad_rows: BadRows = "fail") -> list[Stream]:
    """Return the streams of the inputs, in their order; every file is read once.

    Raises FerryError: USAGE for arguments that do not fit the contract, IO, BAD_INPUT for a file that cannot be understood or is empty
    unless `bad_rows` is "skip".
    """
    return [_measured(contract, one, table, bad_rows) for one in _streams(contract, arguments, table)]


def require_unchanged(plan: Plan) -> None:
    """Hold every file to the size that it had when the plan was made. Raises FerryError(IO or INTEGRITY)."""
    for file in (file for stream in plan.streams for file in stream.files):
        if (found := _size(file.path)) != file.bytes:
            raise FerryError(
                ExitCode.INTEGRITY,
                f"{file.path}: got {found} bytes, expected {file.bytes} as at the start; the input changed while it was scored: score it again",
            )


def _streams(contract: Contract, arguments: Sequence[str], table: TableOptions) -> Iterator[list[str]]:
    """Yield the arguments of each stream, every path absolute."""
    names = [spec.name for spec in contract.inputs]
    pairs = [_pair(names, argument) for argument in arguments]
    if len(names) > 1 and any(name for name, _ in pairs):
        yield [f"{name}={file}" if name else file for name, path in pairs for file in _files(path)]
        return
    alone = [file for _, path in pairs for file in _files(path)]
    if not alone:
        raise FerryError(ExitCode.USAGE, "--input: got nothing, expected a file or a folder")
    together = len(names) == 1 and _is_one_a_file(contract, alone[0], table)
    yield from [alone] if together else ([one] for one in alone)


def _is_one_a_file(contract: Contract, argument: str, table: TableOptions) -> bool:
    """Is each file one sample, as the first one is? Of one that cannot be read, it is told later why."""
    try:
        with open_samples(contract, [argument], batch=1, options=InputOptions(table, objects=True)) as source:
            return source.is_one_a_file
    except FerryError as error:
        if error.code != ExitCode.BAD_INPUT:
            raise
        return False


def _pair(names: Sequence[str], argument: str) -> tuple[str, str]:
    """Return the name of an input, "" where none stands in front, and the path."""
    name, equals, path = argument.partition("=")
    return (name, path) if equals and name in names else ("", argument)


def _files(path: str) -> list[str]:
    """Return the files of an argument. They begin with / or s3://, so that none is taken for stdin or a list."""
    if is_object(path):
        return expand_objects(path)
    if path == "-" or "://" in path:
        raise FerryError(
            ExitCode.USAGE,
            f"--input: got {quoted(path)}, expected files that every worker can open again: of a shared folder, or s3://BUCKET/KEY",
        )
    return [file if is_object(file) else _absolute(file) for file in expand(path)]


def _absolute(file: str) -> str:
    """Return a file's path as the plan, which is JSON, can hold it. Raises FerryError(BAD_INPUT, IO)."""
    path = str(Path(file).absolute())
    if any("\ud800" <= letter <= "\udfff" for letter in path):  # bytes of the name that are no text
        raise FerryError(ExitCode.BAD_INPUT, f"{path}: got a name that is not UTF-8, expected one; rename the file")
    if Path(path).is_dir():
        raise FerryError(ExitCode.IO, f"{path}: got a folder inside a folder, expected files; name it with an --input of its own")
    return path


def _measured(contract: Contract, arguments: list[str], table: TableOptions, bad_rows: BadRows) -> Stream:
    names = [spec.name for spec in contract.inputs]
    files = tuple(_digest(_pair(names, argument)[1]) for argument in arguments)
    stream = Stream(arguments=tuple(arguments), files=files, one_a_file=False, rows=1)
    try:
        with open_samples(contract, arguments, batch=1, options=InputOptions(table, objects=True)) as source:
            one_a_file, rows = source.is_one_a_file and len(names) == 1, source.measure()
        if not rows:
            raise FerryError(ExitCode.BAD_INPUT, f"{files[0].path}: got no samples, expected at least one; take it out")
    except FerryError as error:
        if error.code != ExitCode.BAD_INPUT or bad_rows == "fail":
            raise
        return stream.model_copy(update={"unreadable": True})
    return stream.model_copy(update={"one_a_file": one_a_file, "rows": rows})


def _digest(path: str) -> InputFile:
    try:
        with open_object(path) if is_object(path) else Path(path).open("rb") as stream:
            digest = sha256_of_stream(stream)
            return InputFile(path=path, bytes=stream.tell(), sha256=digest)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{path}: got {error.strerror}, expected a readable file; check the path and its permissions"
        ) from None


def _size(path: str) -> int:
    if is_object(path):
        size = size_of_object(path)
        if size is None:
            raise FerryError(ExitCode.IO, f"{path}: no such object, expected the input that was there at the start")
        return size
    try:
        return Path(path).stat().st_size
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{path}: got {error.strerror}, expected the input that was there at the start") from None
