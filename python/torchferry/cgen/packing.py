"""Tables of products [inputs, columns] as the kernels read them: in panels whose rows never straddle a cache line."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

LINE = 16  # floats in a cache line and in the widest vector
PANEL = 128  # columns of a table that lie together; kernels/panel.c has the same
QUAD = 4  # columns that do not fill a line are padded to this

PANEL_COMMENTS = {
    "input": (
        "[panel][input][column]: the columns that fill cache lines, in panels of at most 128",
        "[input][column]: the other columns, padded to fours",
    ),
    "four inputs": (
        "[panel][four inputs][column][4]: the columns that fill cache lines, in panels of at most 128",
        "[four inputs][column][4]: the other columns, padded to fours",
    ),
}
Number = TypeVar("Number", bound=np.generic)


def in_panels(table: NDArray[Number]) -> tuple[NDArray[Number], NDArray[Number]]:
    """Return the wide and the narrow part of a table [inputs, columns, ...], flat.

    Wide: the columns that fill cache lines, in panels of at most 128, each [inputs, columns, ...]; narrow: the others, padded with
    zeros to quads, [inputs, 4 quads, ...].
    """
    columns = table.shape[1]
    split = columns // LINE * LINE
    panels = [table[:, start : min(start + PANEL, split)].ravel() for start in range(0, split, PANEL)]
    widths: list[tuple[int, int]] = [(0, 0)] * table.ndim
    widths[1] = (0, -(columns - split) % QUAD)
    narrow = np.pad(table[:, split:], widths)
    wide = np.concatenate(panels) if panels else np.zeros(0, table.dtype)
    return wide, narrow.ravel()


def padded(bias: NDArray[Any]) -> NDArray[Any]:
    """Return the bias [columns] padded with zeros to quads."""
    return np.pad(bias, (0, -len(bias) % QUAD))
