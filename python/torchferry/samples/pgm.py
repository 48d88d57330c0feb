"""PGM in its binary form P5, 8 bit. The C++ twin is cpp/cli/image_pgm.cpp."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from torchferry.bundle.contract import Array

_HEADER = re.compile(rb"P5" + 3 * rb"[ \t\r\n]*(?:#[^\n]*[ \t\r\n]*)*([0-9]{1,9})" + rb"[ \t\r\n]")


def decode_pgm(data: bytes, require_size: Callable[[int, int], None]) -> Array:
    """Decode levels [H,W] uint8. `require_size(width, height)` is called before the pixels are read.

    Raises ValueError that says what was got and expected.
    """
    if data[1:2] != b"5":
        raise ValueError(f"a PNM of kind {data[:2].decode()}, expected P5 (binary PGM), PNG or BMP")
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("a PGM without width, height and maximum, expected an undamaged file")
    width, height, maximum = map(int, header.groups())
    if maximum != 255:
        raise ValueError(f"a PGM with maximum {maximum}, expected 255")
    require_size(width, height)
    if len(data) - header.end() < width * height:
        raise ValueError("a PGM that is cut short, expected a whole file")
    return np.frombuffer(data, np.uint8, width * height, header.end()).reshape(height, width)
