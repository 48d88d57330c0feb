"""Rows of plain numbers through pyarrow (the extra `tables`), where it is installed: NumPy reads in three and writes in eight times as long.

pyarrow's reader of CSV hands each piece to another thread, which takes longer than to read it. Its casts from and to texts do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from torchferry.bundle.contract import Array

if TYPE_CHECKING:
    from torchferry.samples.plain_rows import Float64, Places

MANY_LINES = 16_384  # after which pyarrow has paid for its import
_LEAST, _MOST = 1e-2, 1e5  # between them Arrow writes a float as Python does, but for whole numbers


def arrow_rows(text: bytes, ends: Places, cut: bytes) -> Float64 | None:
    r"""Return the numbers [n] of a text whose cells end at `ends` [n], with `cut` or \n; None where pyarrow is not here or takes one for no number.

    Each is rounded correctly, as plain_rows.py asks, which also says what may stand in the text.
    """
    try:
        import pyarrow as pa
    except ImportError:
        return None
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))  # in the text without its delimiters
    digits = text.translate(None, cut + b"\n")
    cells = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(digits))
    try:
        numbers: Float64 = cells.cast(pa.float64()).to_numpy()
    except pa.ArrowException:
        return None
    return numbers


def arrow_lines(array: Array, decimals: Callable[[Array], Array]) -> list[str] | None:
    """Return floats [rows, cells] as decimals with commas between them, a text a row; None where pyarrow is not here.

    `decimals` writes numbers [n] one by one: it is asked for those that Arrow would write in another way.
    """
    try:
        import pyarrow as pa
        import pyarrow.compute as pc
    except ImportError:
        return None
    numbers = array.ravel()
    sizes = np.abs(numbers)
    with np.errstate(invalid="ignore"):  # of NaN
        is_same = (sizes >= _LEAST) & (sizes < _MOST) & (np.rint(numbers) != numbers)
    texts = pa.array(numbers).cast(pa.string())
    if not is_same.all():
        texts = pc.replace_with_mask(texts, pa.array(~is_same), pa.array(decimals(numbers[~is_same]).tolist(), pa.string()))
    ends = np.arange(len(array) + 1, dtype=np.int32) * np.int32(array.shape[1])
    lines: list[str] = pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), texts), ",").to_pylist()
    return lines
