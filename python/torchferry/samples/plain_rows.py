"""Lines of plain numbers, many at a time: what csv.py would say of each cell alone, in a tenth of the time."""

from __future__ import annotations

import warnings
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from torchferry.samples.arrow_rows import arrow_rows

Float64: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]
_NEW_LINE = 10
_INTEGER = b"0123456789+-\n"
_PLAIN = {"float": _INTEGER + b".eE", "integer": _INTEGER}
_EXACT = 2.0**53  # from here on a float64 stands for several integers


def plain_rows(text: bytes, delimiter: str, cells: int, family: str, *, use_arrow: bool = False) -> Float64 | None:
    r"""Return the numbers [lines, cells] of raw lines; None where one of them needs a closer look.

    Plain is a line that ends with \n or \r\n and holds the wanted number of decimal numbers between commas, semicolons or tabs,
    without spaces, quotes and words; of the family `integer` without points and below 2^53. Each is read as float64, correctly
    rounded. `use_arrow`: by pyarrow, which takes a while to import, where that is here.
    """
    cut = delimiter.encode()
    if family not in _PLAIN or cut == b" ":
        return None
    text = text.replace(b"\r\n", b"\n") if b"\r" in text else text
    ends = _ends(text, cut, cells)
    if ends is None:
        return None
    # Its grammar is that of cells.py, words and infinite numbers apart.
    numbers = arrow_rows(text, ends, cut) if use_arrow and family == "float" else None
    if numbers is None or not np.isfinite(numbers).all():
        if text.translate(None, _PLAIN[family] + cut):
            return None
        numbers = _numbers(text[:-1].replace(b"\n", cut).decode(), delimiter)
    if numbers.size != len(ends) or (family == "integer" and not (np.abs(numbers) < _EXACT).all()):
        return None
    return numbers.reshape(-1, cells)


def _ends(text: bytes, cut: bytes, cells: int) -> Places | None:
    r"""Return where each cell ends, at a delimiter or \n; None where a line is open or has another number of cells."""
    marks = np.frombuffer(text, np.uint8)
    is_line_end = marks == _NEW_LINE
    ends = np.flatnonzero(is_line_end | (marks == cut[0]))
    last = ends[cells - 1 :: cells]
    is_whole = len(ends) == len(last) * cells > 0 and ends[-1] == len(text) - 1
    if not is_whole or not is_line_end[last].all() or np.count_nonzero(is_line_end) != len(last):
        return None
    return ends


def _numbers(text: str, delimiter: str) -> Float64:
    """Return the numbers of the text up to the first that is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how NumPy 1 and 2.0 tell it
        try:
            return np.fromstring(text, np.float64, sep=delimiter)
        except (ValueError, DeprecationWarning):
            return np.empty(0)
