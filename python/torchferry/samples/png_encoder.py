"""PNG files of whole numbers, grey or with a palette. The C++ twin is cpp/cli/png_encoder.cpp.

The data are stored, not compressed: what zlib makes of them differs from release to release, and both programs must write the
same bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.samples.png import MAGIC

LONGEST_SIDE = 2**31 - 1  # PNG specification, section 11.2.2
_GREY, _PALETTE = 0, 3
_NO_COMPRESSION = b"\x78\x01"  # RFC 1950: deflate, a window of 32 KiB
_MOST_STORED = 0xFFFF  # bytes of a stored block (RFC 1951, section 3.2.4)


def png_bytes(levels: Array, palette: bytes = b"") -> bytes:
    """Return a PNG file of uint8 or uint16 levels [H,W], grey where there is no palette of red, green and blue bytes."""
    height, width = levels.shape
    depth = 8 * levels.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, _PALETTE if palette else _GREY, 0, 0, 0)
    colours = [_chunk(b"PLTE", palette)] if palette else []
    data = (_chunk(b"IDAT", part) for part in _stored(_rows(levels)))
    return b"".join([MAGIC, _chunk(b"IHDR", header), *colours, *data, _chunk(b"IEND", b"")])


def _rows(levels: Array) -> bytes:
    """Return the rows, each behind the byte of its filter, which is none."""
    height, width = levels.shape
    size = width * levels.dtype.itemsize
    rows = np.zeros((height, 1 + size), np.uint8)
    rows[:, 1:] = levels.astype(levels.dtype.newbyteorder(">")).view(np.uint8).reshape(height, size)
    return rows.tobytes()


def _stored(data: bytes) -> Iterator[bytes]:
    """Yield the parts of a zlib stream, one for each stored block."""
    checksum = zlib.adler32(data).to_bytes(4, "big")
    for start in range(0, len(data), _MOST_STORED):
        block = data[start : start + _MOST_STORED]
        is_last = start + len(block) == len(data)
        frame = struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF)
        yield (b"" if start else _NO_COMPRESSION) + frame + block + (checksum if is_last else b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
