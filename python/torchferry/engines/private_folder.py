"""Where machine code lies for the moment in which it is built and loaded. cpp/engines/private_folder.hpp is its twin."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torchferry.errors import ExitCode, FerryError


@contextmanager
def private_folder(prefix: str) -> Iterator[str]:
    """Make a folder that nobody else may enter; it is removed with all it holds.

    A TMPDIR that is no folder is an error, never another folder instead. Raises FerryError(IO).
    """
    wanted = os.environ.get("TMPDIR")
    if wanted and not Path(wanted).is_dir():
        raise FerryError(ExitCode.IO, f"TMPDIR: got {wanted}, expected a folder that can be written; set TMPDIR to one")
    with tempfile.TemporaryDirectory(prefix=prefix, dir=wanted or None) as folder:
        yield folder
