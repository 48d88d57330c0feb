"""Which files `predict` reads each input from, and how they are opened."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import BinaryIO, cast

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.bundle.printable import quoted
from torchferry.bundle.stored_zip import is_zip
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.foreign import HEAD_BYTES, refuse_foreign
from torchferry.samples.image_files import expand, holds_files
from torchferry.samples.objects import is_object, open_object


def require_one(spec: TensorSpec, paths: Sequence[str]) -> None:
    """Require one file of an input. Raises FerryError(USAGE)."""
    if len(paths) > 1:
        raise FerryError(
            ExitCode.USAGE,
            f"--input: got {len(paths)} files for {spec.name}, expected one; only images and WAV files are put together to a batch",
        )


def lone_file(contract: Contract, arguments: Sequence[str]) -> str | None:
    """Return the only argument, where it has no NAME: it may hold every input."""
    if len(arguments) != 1:
        return None
    name, equals, _ = arguments[0].partition("=")
    names = [spec.name for spec in contract.inputs]
    return None if holds_files(arguments[0]) or (equals and (len(names) > 1 or name in names)) else arguments[0]


def assign(contract: Contract, arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the files of each input, by its name. Raises FerryError(USAGE)."""
    names = [spec.name for spec in contract.inputs]
    files: dict[str, list[str]] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or name not in names:
            if len(names) != 1:
                raise FerryError(
                    ExitCode.USAGE,
                    f"--input: got {quoted(argument)}, expected NAME=FILE with NAME one of {', '.join(names)}, or one .npz or table of all alone",
                )
            name, path = names[0], argument
        files.setdefault(name, []).extend(expand(path))
    if sum(path == "-" for paths in files.values() for path in paths) > 1:
        raise FerryError(ExitCode.USAGE, "--input: got - (stdin) more than once, expected it once")
    missing = [name for name in names if name not in files]
    if missing:
        raise FerryError(ExitCode.USAGE, f"--input: got no file for {missing[0]}, expected one for each of {', '.join(names)}")
    return files


def open_file(path: str, stack: contextlib.ExitStack, *, objects: bool = False) -> BinaryIO:
    """Open a file, stdin for `-`, or where `objects` says so an object of a store. Raises FerryError(IO)."""
    if path == "-":
        return sys.stdin.buffer
    if objects and is_object(path):
        return stack.enter_context(open_object(path))
    try:
        return stack.enter_context(open(path, "rb"))  # noqa: PTH123 (Path("") would be the working folder)
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{name_of(path)}: got {error.strerror}, expected a readable file; check the path and its permissions"
        ) from None


def name_of(path: str) -> str:
    """Return what messages call it."""
    return "stdin" if path == "-" else path or "''"


def open_one(path: str, stack: contextlib.ExitStack, *, objects: bool = False) -> BinaryIO:
    """Open a file of one input. Raises FerryError(USAGE, IO or BAD_INPUT)."""
    stream = open_file(path, stack, objects=objects)
    refuse_foreign(peek(stream), name_of(path))
    if is_zip(peek(stream)):
        raise FerryError(
            ExitCode.USAGE,
            f"--input: got {path}, an .npz, with a NAME or a second file, expected it alone: it names every input itself; "
            f"write --input {path}",
        )
    return stream


def peek(stream: BinaryIO) -> bytes:
    """Return the first bytes of a stream, which are read again later."""
    return cast(bytes, stream.peek(HEAD_BYTES)[:HEAD_BYTES])  # type: ignore[attr-defined]  # every stream here is a BufferedReader
