"""Lines of plain numbers, many at a time: what csv.py would say of each cell alone, in a tenth of the time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import repeat
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from torchferry.samples.arrow_rows import arrow_rows

Float64: TypeAlias = NDArray[np.float64]
_INTEGER = b"0123456789+-\n"
_PLAIN = {"float": _INTEGER + b".eE", "integer": _INTEGER}
_EXACT = 2.0**53  # from here on a float64 stands for several integers


def plain_rows(lines: Sequence[bytes], delimiter: str, cells: int, family: str, *, use_arrow: bool = False) -> Float64 | None:
    r"""Return the numbers [lines, cells] of raw lines; None where one of them needs a closer look.

    Plain is a line that ends with \n or \r\n and holds the wanted number of decimal numbers between commas, semicolons or tabs,
    without spaces, quotes and words; of the family `integer` without points and below 2^53. Each is read as float64, correctly
    rounded. `use_arrow`: by pyarrow, which takes a while to import, where that is here.
    """
    if family not in _PLAIN:
        return None
    cut = delimiter.encode()
    if cut == b" " or not lines or not lines[-1].endswith(b"\n") or set(map(bytes.count, lines, repeat(cut))) != {cells - 1}:
        return None
    text = b"".join(lines)
    text = text.replace(b"\r\n", b"\n") if b"\r" in text else text
    # Its grammar is that of cells.py, words and infinite numbers apart.
    numbers = arrow_rows(text, delimiter) if use_arrow and family == "float" else None
    if numbers is None or not np.isfinite(numbers).all():
        if text.translate(None, _PLAIN[family] + cut):
            return None
        numbers = _numbers(text[:-1].replace(b"\n", cut).decode(), delimiter)
    if numbers.size != len(lines) * cells or (family == "integer" and not (np.abs(numbers) < _EXACT).all()):
        return None
    return numbers.reshape(-1, cells)


def _numbers(text: str, delimiter: str) -> Float64:
    """Return the numbers of the text up to the first that is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how NumPy 1 and 2.0 tell it
        try:
            return np.fromstring(text, np.float64, sep=delimiter)
        except (ValueError, DeprecationWarning):
            return np.empty(0)
