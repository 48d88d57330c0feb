"""PGM and PPM in their binary forms P5 and P6, of 8 and 16 bits. The C++ twin is cpp/cli/image_pnm.cpp."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from torchferry.samples.picture import Picture, PictureError

# A number is whole, and a comment goes to the end of its line: the header of a file that is cut short must not match as another one.
_NUMBER = rb"[ \t\r\n]*(?:#[^\n]*\n[ \t\r\n]*)*([0-9]{1,9})(?![0-9])"
_HEADER = re.compile(rb"P[56]" + 3 * _NUMBER + rb"[ \t\r\n]")
_CHANNELS = {b"5": 1, b"6": 3}


def decode_pnm(data: bytes, require_size: Callable[[int, int], None]) -> Picture:
    """Decode one picture. `require_size(width, height)` is called before the pixels are read. Raises PictureError."""
    channels = _CHANNELS.get(data[1:2])
    if channels is None:
        raise PictureError(f"a PNM of kind {data[:2].decode()}, expected P5 (binary PGM) or P6 (binary PPM)")
    header = _HEADER.match(data)
    if header is None:
        raise PictureError("a PNM without width, height and maximum, expected an undamaged file")
    width, height, maximum = map(int, header.groups())
    if not 0 < maximum < 65536:
        raise PictureError(f"a PNM with maximum {maximum}, expected 1 to 65535")
    require_size(width, height)
    count, dtype = width * height * channels, np.dtype("u1" if maximum < 256 else ">u2")
    if len(data) - header.end() < count * dtype.itemsize:
        raise PictureError("a PNM that is cut short, expected a whole file")
    if data[header.end() + count * dtype.itemsize :].strip(b" \t\r\n"):
        raise PictureError("a PNM with bytes behind its pixels, expected one picture a file")
    levels = np.frombuffer(data, dtype, count, header.end()).reshape(height, width, channels)
    if int(levels.max()) > maximum:
        raise PictureError(f"a PNM with a level above its maximum {maximum}, expected an undamaged file")
    return Picture(levels, maximum)
