"""The file of a report: checked before the engines run, written whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from torchferry.bundle.writer import name_output
from torchferry.errors import ExitCode, FerryError


def check_target(output: Path, option: str = "-o") -> None:
    """Check that the file of `option` can be written, before the engines run, which takes a while. Raises FerryError(IO)."""
    if output.is_dir() or not output.parent.is_dir():
        got = "a folder" if output.is_dir() else f"no folder {output.parent}"
        raise FerryError(ExitCode.IO, f"{output}: got {got}, expected a file in a folder that is there; choose another {option}")


def write_text(output: Path, text: str) -> None:
    """Write beside the place and rename at the end: a failed run leaves nothing behind."""
    handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    try:
        with open(handle, "w", encoding="utf-8") as stream:  # noqa: PTH123  # a descriptor
            stream.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(output)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        name_output(error, output)
        raise
