"""PNG of 1 to 16 bits: chunks, sizes and checksums are held here, so that no decoder decides what a damaged file is.

The C++ twin is cpp/cli/image_png.cpp.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.samples.exif import orientation_of
from torchferry.samples.picture import Picture, PictureError

MAGIC = b"\x89PNG\r\n\x1a\n"
_FRAME = 12  # bytes around a chunk's body: length, type and CRC
_PALETTE = 3
_CHANNELS = {0: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), _PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_BYTE_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # the colour of 8 bits whose pixels have as many bytes
# Adam7: first column and row of each pass, and their steps.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ORDER = re.compile(rb"IHDR(PLTE)?(IDAT)+IEND")
_DAMAGED = "expected an undamaged file"

Chunk = tuple[bytes, bytes]  # type and body


@dataclass(frozen=True)
class _Pass:
    """The pixels of one pass: every `right`th column from `x`, every `down`th row from `y`."""

    x: int
    y: int
    right: int
    down: int
    columns: int
    rows: int
    row_bytes: int  # without the filter's byte

    @property
    def data_bytes(self) -> int:
        return (self.row_bytes + 1) * self.rows


def decode_png(data: bytes, require_size: Callable[[int, int], None]) -> Picture:
    """Decode one picture. `require_size(width, height)` is called before the pixels are decoded. Raises PictureError."""
    chunks, orientation, keyed = _chunks(data)
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", chunks[0][1])
    if colour not in _CHANNELS or depth not in _DEPTHS[colour] or methods not in ([0, 0, 0], [0, 0, 1]):
        raise PictureError(f"a PNG header with unknown values, {_DAMAGED}")
    require_size(*((height, width) if orientation > 4 else (width, height)))
    channels = _CHANNELS[colour]
    passes = list(_passes(width, height, channels * depth, interlaced=methods[2] == 1))
    data = _exact_rows(chunks, sum(part.data_bytes for part in passes))
    levels = np.zeros((height, width, channels), np.uint16 if depth == 16 else np.uint8)
    start = 0
    for part in passes:
        rows = _unfiltered(data[start : start + part.data_bytes], part, max(channels * depth // 8, 1))
        levels[part.y :: part.down, part.x :: part.right] = _unpacked(rows, part, channels, depth)
        start += part.data_bytes
    if colour == _PALETTE:
        return Picture(_look_up(levels[..., 0], chunks[1]), 255, orientation, keyed)
    return Picture(levels, 2**depth - 1, orientation, keyed)


def _chunks(data: bytes) -> tuple[list[Chunk], int, bool]:
    """Return header, palette, data and end, in this order, the orientation, and whether a colour is transparent."""
    chunks: list[Chunk] = []
    orientation, keyed, position = 1, False, len(MAGIC)
    while not chunks or chunks[-1][0] != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        chunk = data[position + 4 : position + 8 + length]
        crc = data[position + 8 + length : position + _FRAME + length]
        if len(crc) != 4:
            raise PictureError("a PNG that is cut short, expected a whole file")
        if zlib.crc32(chunk) != int.from_bytes(crc, "big"):
            raise PictureError(f"a PNG chunk with a wrong CRC, {_DAMAGED}")
        if chunk[:4] == b"eXIf":
            orientation = orientation_of(chunk[4:])
        keyed = keyed or chunk[:4] == b"tRNS"
        if not chunk[0] & 0x20:  # its small letter says that it may be left out
            chunks.append((chunk[:4], chunk[4:]))
        position += _FRAME + length
    if not _ORDER.fullmatch(b"".join(kind for kind, _ in chunks)) or len(chunks[0][1]) != 13:
        raise PictureError(f"a PNG with other chunks than IHDR, PLTE, IDAT and IEND in this order, {_DAMAGED}")
    if position != len(data):
        raise PictureError("a PNG with bytes behind its end, expected one picture a file")
    return chunks, orientation, keyed


def _passes(width: int, height: int, bits: int, *, interlaced: bool) -> Iterator[_Pass]:
    """Yield the passes that have pixels of so many bits."""
    for x, y, right, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = (width - x + right - 1) // right, (height - y + down - 1) // down
        if columns > 0 and rows > 0:
            yield _Pass(x, y, right, down, columns, rows, (columns * bits + 7) // 8)


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
        raise PictureError(f"a PNG whose data are not its rows, {_DAMAGED}")
    return rows


def _unfiltered(data: bytes, part: _Pass, pixel_bytes: int) -> Array:
    """Return the bytes [rows, row_bytes] of a pass. Pillow undoes the filters where a pixel of 8 bits has as many bytes."""
    filters = np.frombuffer(data, np.uint8).reshape(part.rows, part.row_bytes + 1)[:, 0]
    if int(filters.max()) > 4:
        raise PictureError(f"a PNG with a filter of kind {int(filters.max())}, {_DAMAGED}")
    if pixel_bytes not in _BYTE_COLOURS:
        return _undo(data, part, pixel_bytes)
    from PIL import Image  # of an extra: the other formats need none

    header = struct.pack(">IIBBBBB", part.row_bytes // pixel_bytes, part.rows, 8, _BYTE_COLOURS[pixel_bytes], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data, 1)), (b"IEND", b""))
    with Image.open(io.BytesIO(MAGIC + b"".join(_framed(*chunk) for chunk in chunks)), formats=["PNG"]) as image:
        return np.asarray(image).reshape(part.rows, part.row_bytes)


def _framed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _undo(data: bytes, part: _Pass, step: int) -> Array:
    """Undo the filters of pixels that have `step` bytes: 6 or 8, of 16 bits each."""
    above = bytearray(part.row_bytes + step)  # a pixel of zeros stands in front of each row
    rows = []
    for start in range(0, len(data), part.row_bytes + 1):
        row = bytearray(step) + data[start + 1 : start + 1 + part.row_bytes]
        for at in range(step, len(row)):
            row[at] = (row[at] + _predicted(data[start], row[at - step], above[at], above[at - step])) & 0xFF
        rows.append(np.frombuffer(row, np.uint8)[step:])
        above = row
    return np.stack(rows)


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    """Return what the filter of that kind (0 none, 1 left, 2 above, 3 average, 4 Paeth) took from a byte."""
    if kind < 4:
        return (0, left, above, (left + above) // 2)[kind]
    guess = left + above - corner
    return min((left, above, corner), key=lambda neighbour: abs(guess - neighbour))


def _unpacked(rows: Array, part: _Pass, channels: int, depth: int) -> Array:
    """Return the levels [rows, columns, channels] of packed rows."""
    if depth == 16:
        levels: Array = np.ascontiguousarray(rows).view(">u2")
    elif depth == 8:
        levels = rows
    else:
        bits = np.unpackbits(rows.astype(np.uint8), axis=1)[:, : part.columns * depth].reshape(part.rows, part.columns, depth)
        levels = np.packbits(bits, axis=2)[..., 0] >> (8 - depth)
    return levels.reshape(part.rows, part.columns, channels)


def _look_up(indexes: Array, palette: Chunk) -> Array:
    kind, body = palette
    if kind != b"PLTE" or not body or len(body) % 3 or int(indexes.max()) >= len(body) // 3:
        raise PictureError(f"a PNG whose palette does not fit its pixels, {_DAMAGED}")
    colours: Array = np.frombuffer(body, np.uint8).reshape(-1, 3)[indexes]
    return colours
