"""Plain numbers of a long table through pyarrow (the extra `tables`), where it is installed: NumPy's reader takes three times as long.

pyarrow's reader of CSV hands each piece to another thread, which takes longer than to read it. Its cast of texts does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torchferry.samples.plain_rows import Float64


def arrow_rows(text: bytes, delimiter: str) -> Float64 | None:
    r"""Return the numbers [n] of a text, each of which a delimiter or \n ends; None where pyarrow is not here or takes one for no number.

    Each is rounded correctly, as plain_rows.py asks, which also says what may stand in the text.
    """
    try:
        import pyarrow as pa
    except ImportError:
        return None
    marks = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((marks == ord(delimiter)) | (marks == ord("\n")))
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))  # in the text without its delimiters
    digits = text.translate(None, delimiter.encode() + b"\n")
    cells = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(digits))
    try:
        numbers: Float64 = cells.cast(pa.float64()).to_numpy()
    except pa.ArrowException:
        return None
    return numbers
