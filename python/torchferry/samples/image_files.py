"""The files that `--input` means: a file, a folder of them, or a list in a file (`@LIST`). The C++ twin is cpp/cli/image_files.cpp."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_LIST_BYTES

_LIST = "@"
_ENDLESS = (Path.is_fifo, Path.is_socket, Path.is_char_device, Path.is_block_device)  # who opens one may wait for ever


def holds_files(argument: str) -> bool:
    """Say whether an argument is a folder or a list of files."""
    return argument.startswith(_LIST) or (argument not in ("", "-") and os.path.isdir(argument))  # noqa: PTH112 (Path raises for a long name)


def expand(argument: str) -> list[str]:
    """Return the files of an argument in order: those of a folder by the bytes of their names, those of a list as it has them.

    Raises FerryError(IO) for what cannot be read, FerryError(BAD_INPUT) for a folder or a list of nothing.
    """
    if not holds_files(argument):
        return [argument]
    files = _listed(argument.removeprefix(_LIST)) if argument.startswith(_LIST) else _entries(argument)
    if not files:
        raise FerryError(ExitCode.BAD_INPUT, f"{argument}: got no files, expected at least one; is this the right place?")
    return files


def _entries(folder: str) -> list[str]:
    """Return the entries of a folder, but for hidden ones."""
    try:
        names = sorted(os.fsencode(name) for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 (names only)
    except OSError as error:
        raise _unreadable(folder, error, "a readable folder") from None
    start = folder if folder.endswith("/") else f"{folder}/"
    files = [start + os.fsdecode(name) for name in names]
    for file in files:
        if any(is_one(Path(file)) for is_one in _ENDLESS):
            raise FerryError(ExitCode.IO, f"{file}: got a pipe, a socket or a device, expected a file; take it out of the folder")
    return files


def _listed(path: str) -> list[str]:
    """Return the lines of a list; blank ones are none."""
    where = "stdin" if path == "-" else path or "''"
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_LIST_BYTES + 1)
        else:
            with open(path, "rb") as stream:  # noqa: PTH123 (Path("") would be the working folder)
                data = stream.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise _unreadable(where, error, "a readable file") from None
    if len(data) > MAX_LIST_BYTES:
        raise FerryError(
            ExitCode.BAD_INPUT, f"{where}: list: got more than {MAX_LIST_BYTES} bytes, expected fewer; is this the right file?"
        )
    if b"\0" in data:
        raise FerryError(
            ExitCode.BAD_INPUT, f"{where}: list: got a byte 0, expected one file's name a line; is this the right file?"
        )
    lines = [os.fsdecode(line.removesuffix(b"\r")) for line in data.split(b"\n")]
    files = [line for line in lines if line]
    for line in files:
        if line == "-" or holds_files(line):
            raise FerryError(
                ExitCode.BAD_INPUT, f"{where}: list: got {quoted(line)}, expected the name of a file; name each file"
            )
    return files


def _unreadable(where: str, error: OSError, expected: str) -> FerryError:
    return FerryError(ExitCode.IO, f"{where}: got {error.strerror}, expected {expected}; check the path and its permissions")
