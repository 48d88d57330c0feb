"""PNG of 8 bits: the chunks are checked here, and only the critical ones are given to Pillow, so that nothing else decides.

The C++ twin is cpp/cli/image_png.cpp, which gives them to stb_image.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable

import numpy as np

from torchferry.bundle.contract import Array

MAGIC = b"\x89PNG\r\n\x1a\n"
_FRAME = 12  # bytes around a chunk's body: length, type and CRC
_GREY, _PALETTE = 0, 3
_CHANNELS = {_GREY: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}
# Adam7: first column and row of each pass, and their steps.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ORDER = re.compile(rb"IHDR(PLTE)?(IDAT)+IEND")

Chunk = tuple[bytes, bytes]  # type and body


def decode_png(data: bytes, require_size: Callable[[int, int], None]) -> Array:
    """Decode levels [H,W] or colours [H,W,3], uint8. `require_size(width, height)` is called before the pixels are decoded.

    Raises ValueError that says what was got and expected.
    """
    chunks = _critical_chunks(data)
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth != 8:
        raise ValueError(f"a PNG of {depth} bits, expected 8 bits")
    if colour not in _CHANNELS or methods not in ([0, 0, 0], [0, 0, 1]):
        raise ValueError("a PNG header with unknown values, expected an undamaged file")
    require_size(width, height)
    rows = _exact_rows(chunks, _row_bytes(width, height, _CHANNELS[colour], interlaced=methods[2] == 1))
    header = bytearray(chunks[0][1])
    if colour == _PALETTE:
        header[9] = _GREY  # the indexes are decoded as if they were grey levels
        return _look_up(_pixels(header, rows), chunks[1])
    pixels = _pixels(header, rows)
    if pixels.ndim == 3:
        return pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., 0]  # without alpha
    return pixels


def _critical_chunks(data: bytes) -> list[Chunk]:
    """Header, palette, data and end, in this order; a chunk that may be left out (small first letter) is left out."""
    chunks: list[Chunk] = []
    position = len(MAGIC)
    while not chunks or chunks[-1][0] != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        chunk = data[position + 4 : position + 8 + length]
        crc = data[position + 8 + length : position + _FRAME + length]
        if len(crc) != 4:
            raise ValueError("a PNG that is cut short, expected a whole file")
        if zlib.crc32(chunk) != int.from_bytes(crc, "big"):
            raise ValueError("a PNG chunk with a wrong CRC, expected an undamaged file")
        if not chunk[0] & 0x20:
            chunks.append((chunk[:4], chunk[4:]))
        position += _FRAME + length
    if not _ORDER.fullmatch(b"".join(kind for kind, _ in chunks)) or len(chunks[0][1]) != 13:
        raise ValueError("a PNG with other chunks than IHDR, PLTE, IDAT and IEND in this order, expected an undamaged file")
    return chunks


def _row_bytes(width: int, height: int, channels: int, *, interlaced: bool) -> int:
    """Bytes of all rows, each after its filter type."""
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = (((width - x + right - 1) // right, (height - y + down - 1) // down) for x, y, right, down in passes)
    return sum((columns * channels + 1) * rows for columns, rows in sizes if columns > 0)


def _exact_rows(chunks: list[Chunk], expected: int) -> bytes:
    """Return the rows and nothing else: decoders differ in what they make of less, and more may be a gigabyte."""
    stream = b"".join(body for kind, body in chunks if kind == b"IDAT")
    deflate = zlib.decompressobj(wbits=-15)
    header = int.from_bytes(stream[:2], "big")
    try:
        rows = deflate.decompress(stream[2:], expected + 1)
    except zlib.error:
        rows = b""
    # RFC 1950: method 8, a window of at most 32 KiB, no dictionary, a multiple of 31; the rows' checksum at the end.
    known = header & 0x0F00 == 0x0800 and header <= 0x78FF and not header & 0x20 and header % 31 == 0
    if not known or len(rows) != expected or not deflate.eof or stream[-4:] != zlib.adler32(rows).to_bytes(4, "big"):
        raise ValueError("a PNG whose data are not its rows, expected an undamaged file")
    return rows


def _pixels(header: bytes | bytearray, rows: bytes) -> Array:
    from PIL import Image  # of an extra: the other formats need none

    chunks = ((b"IHDR", bytes(header)), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    try:
        with Image.open(io.BytesIO(MAGIC + b"".join(_framed(*chunk) for chunk in chunks)), formats=["PNG"]) as image:
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"a PNG that cannot be decoded ({' '.join(str(error).split())}), expected an undamaged file") from None


def _framed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _look_up(indexes: Array, palette: Chunk) -> Array:
    kind, body = palette
    if kind != b"PLTE" or not body or len(body) % 3 or int(indexes.max()) >= len(body) // 3:
        raise ValueError("a PNG whose palette does not fit its pixels, expected an undamaged file")
    colours: Array = np.frombuffer(body, np.uint8).reshape(-1, 3)[indexes]
    return colours
