"""Plain numbers of a long table through pyarrow (the extra `tables`), where it is installed: NumPy's reader takes more than twice as long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torchferry.samples.plain_rows import Float64


def arrow_rows(text: bytes, delimiter: str, cells: int) -> Float64 | None:
    r"""Return the numbers [lines, cells] of lines that end with \n; None where pyarrow is not here or takes one of them for no number.

    Each is rounded correctly, as plain_rows.py asks, which also says what may stand in the text.
    """
    try:
        import pyarrow as pa
        from pyarrow import csv
    except ImportError:
        return None
    names = [str(index) for index in range(cells)]
    read = csv.ReadOptions(use_threads=False, column_names=names, block_size=len(text) + 1)
    parse = csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False)
    convert = csv.ConvertOptions(check_utf8=False, column_types=dict.fromkeys(names, pa.float64()), null_values=[])
    try:
        table = csv.read_csv(pa.BufferReader(text), read, parse, convert)
    except pa.ArrowException:
        return None
    numbers = np.empty((table.num_rows, cells), np.float64)
    for index, column in enumerate(table.columns):
        numbers[:, index] = column.to_numpy()
    return numbers
