"""What a program passes, as C takes it: nothing is cut, wraps or ends in an exception of ctypes."""

from __future__ import annotations

import math
import operator
import os
from typing import Any

from torchferry.errors import ExitCode, FerryError

_INT32 = 31  # bits without the sign
_LONGEST_S = 100 * 365 * 86400  # a hundred years of microseconds fit in any clock


def text_of(text: Any) -> bytes:
    """Return what C reads to its end. Raises FerryError(USAGE) for no text, and for a NUL, behind which it would read nothing."""
    if not isinstance(text, str):
        raise FerryError(ExitCode.USAGE, f"text: got {text!r}, expected a str")
    if "\0" in text:
        raise FerryError(ExitCode.USAGE, f"text: got a NUL in {text!r}, expected none")
    return text.encode("utf-8", "surrogateescape")


def path_of(path: Any) -> bytes:
    """Return a path as `text_of` returns a text. Raises FerryError(USAGE) for what is no path."""
    try:
        return text_of(os.fsdecode(path))
    except TypeError:
        raise FerryError(ExitCode.USAGE, f"path: got {path!r}, expected a str or an os.PathLike") from None


def whole(name: str, number: Any, *, least: int = -(1 << _INT32), bits: int = _INT32) -> int:
    """Return a whole number from `least` on that has so many bits. Raises FerryError(USAGE) for anything else."""
    try:
        found = operator.index(number)
    except TypeError:
        raise FerryError(ExitCode.USAGE, f"{name}: got {number!r}, expected a whole number") from None
    if not least <= found < 1 << bits:
        raise FerryError(ExitCode.USAGE, f"{name}: got {found}, expected {least} to {(1 << bits) - 1}")
    return found


def size(name: str, number: Any) -> int:
    """Return a number of samples. Raises FerryError(USAGE) for what is none."""
    return whole(name, number, least=0, bits=_INT32)


def seconds(name: str, time: Any) -> float:
    """Return a time in seconds. Raises FerryError(USAGE) for what is no number, or is negative, NaN or beyond a hundred years."""
    try:
        found = float(time) if not isinstance(time, str) else math.nan
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not 0 <= found <= _LONGEST_S:
        raise FerryError(ExitCode.USAGE, f"{name}: got {time!r}, expected seconds, 0 to {_LONGEST_S}")
    return found


def microseconds(name: str, time: Any) -> int:
    """Return `seconds` in microseconds. Raises what that raises."""
    return round(seconds(name, time) * 1e6)
