"""BMP of 8, 24 or 32 bits with a Windows header, not compressed. The C++ twin is cpp/cli/image_bmp.cpp."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from torchferry.samples.picture import Picture, PictureError

_HEADER = struct.Struct("<10xI IiiHHI12xI4x")  # file header, then BITMAPINFOHEADER
_FILE_HEADER_BYTES = 14
_INFO_BYTES = (40, 108, 124)  # BITMAPINFOHEADER, V4 and V5


def decode_bmp(data: bytes, require_size: Callable[[int, int], None]) -> Picture:
    """Decode colours. `require_size(width, height)` is called before the pixels are read.

    Raises PictureError.
    """
    if len(data) < _HEADER.size:
        raise PictureError("a BMP that is cut short, expected a whole file")
    start, info, width, height, planes, bits, compression, used = _HEADER.unpack_from(data)
    if info not in _INFO_BYTES or planes != 1 or width <= 0 or height == 0:
        raise PictureError("a BMP without a Windows header, expected an undamaged file")
    if bits not in (8, 24, 32) or compression:
        raise PictureError(f"a BMP of {bits} bits, compression {compression}, expected 8, 24 or 32 bits, not compressed")
    require_size(width, abs(height))
    palette_start = _FILE_HEADER_BYTES + info
    entries = (used or 256) if bits == 8 else 0
    row_bytes = (width * bits + 31) // 32 * 4
    if entries > 256 or start < palette_start + 4 * entries or start + row_bytes * abs(height) > len(data):
        raise PictureError("a BMP that is cut short, expected a whole file")
    rows = np.frombuffer(data, np.uint8, row_bytes * abs(height), start).reshape(abs(height), row_bytes)
    pixels = rows[:: -1 if height > 0 else 1, : width * bits // 8].reshape(abs(height), width, -1)
    if bits == 8:
        palette = np.frombuffer(data, np.uint8, 4 * entries, palette_start).reshape(entries, 4)
        if int(pixels.max()) >= entries:
            raise PictureError("a BMP whose palette does not fit its pixels, expected an undamaged file")
        pixels = palette[pixels[..., 0]]
    return Picture(pixels[..., 2::-1], 255)  # blue, green, red to red, green, blue
