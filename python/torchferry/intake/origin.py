"""Where in the user's own source an error or a warning comes from."""

from __future__ import annotations

import linecache
import re
import sys
import traceback
from pathlib import Path

_LIBRARIES = tuple(str(Path(prefix).resolve()) for prefix in (Path(__file__).parents[1], sys.prefix, sys.base_prefix))
_SCRIPT_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


def is_users(file: str) -> bool:
    """Say whether that file is neither ours nor of an installed library."""
    return not file.startswith("<") and not str(Path(file).resolve()).startswith(_LIBRARIES)


def place(file: str, line: int) -> str:
    """Return a line of source with its place: `model.py:12: return x.view(8, -1)`."""
    code = linecache.getline(file, line).strip()
    return f"{Path(file).name}:{line}" + (f": {code}" if code else "")


def origin_of(error: BaseException) -> str:
    """Return the last line of the user's source that led to an error, as `place`; empty if there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    return place(frames[-1].filename, frames[-1].lineno or 0) if frames else ""


def current_origin() -> str:
    """Return the innermost line of the user's source that is running now, as `place`; empty if there is none."""
    frames = [frame for frame in traceback.extract_stack() if is_users(frame.filename)]
    return place(frames[-1].filename, frames[-1].lineno or 0) if frames else ""


def script_origin(message: str) -> str:
    """Return the place that an error of torch.jit.script points at; empty if it names none."""
    found = [place(match["file"], int(match["line"])) for match in _SCRIPT_FRAME.finditer(message)]
    return found[-1] if found else ""
