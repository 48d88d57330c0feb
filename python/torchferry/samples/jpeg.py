"""JPEG through libjpeg-turbo: accurate DCT, smooth upsampling, and no picture where the library warns of damaged data.

Pillow has the same library and drops its warnings, so simplejpeg of the extra `images` asks it. The C++ twin is cpp/cli/image_jpeg.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from torchferry.samples.exif import orientation_of
from torchferry.samples.picture import Picture, PictureError

MAGIC = b"\xff\xd8\xff"
_EXIF = b"Exif\0\0"
_START_OF_SCAN, _APP1 = 0xDA, 0xE1
_HUFFMAN = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive frames
_OTHER_FRAMES = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_WITHOUT_LENGTH = frozenset((0x00, 0x01, *range(0xD0, 0xDA)))
_DAMAGED = "a JPEG whose header is damaged, expected a whole file"


@dataclass(frozen=True)
class _Frame:
    """What a file says of its picture."""

    width: int
    height: int
    components: int


def decode_jpeg(data: bytes, require_size: Callable[[int, int], None]) -> Picture:
    """Decode one picture. `require_size(width, height)` is called before the pixels are decoded.

    Raises PictureError, and ModuleNotFoundError without simplejpeg.
    """
    frame, orientation = _read_header(data)
    require_size(*((frame.height, frame.width) if orientation > 4 else (frame.width, frame.height)))
    import simplejpeg  # of an extra: the other formats need none

    try:
        levels = simplejpeg.decode_jpeg(data, colorspace="GRAY" if frame.components == 1 else "RGB", strict=True)
    except ValueError:
        raise PictureError("a JPEG that is cut short or damaged, expected a whole file") from None
    return Picture(np.asarray(levels).reshape(frame.height, frame.width, -1), 255, orientation)


def _read_header(data: bytes) -> tuple[_Frame, int]:
    """Return the frame and the orientation. Raises PictureError for what is no Huffman-coded JPEG of 8 bits, grey or in colours."""
    frame, orientation = None, None
    for marker, body in _segments(data):
        if marker == _APP1 and body.startswith(_EXIF) and orientation is None:
            orientation = orientation_of(body[len(_EXIF) :])
        if marker in _OTHER_FRAMES:
            raise PictureError(f"a JPEG with frame SOF{marker - 0xC0}, expected a baseline or progressive one with Huffman codes")
        if marker in _HUFFMAN:
            if frame is not None or len(body) < 6:
                raise PictureError(_DAMAGED)
            frame = _frame(body)
    if frame is None:
        raise PictureError(_DAMAGED)
    return frame, orientation or 1


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the segments in front of the first scan. Raises PictureError."""
    at, marker = 2, 0
    while marker != _START_OF_SCAN:
        marker = data[at + 1] if data[at : at + 1] == b"\xff" and at + 3 < len(data) else 0
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _WITHOUT_LENGTH or length < 2 or at + 2 + length > len(data):
            raise PictureError(_DAMAGED)
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def _frame(body: bytes) -> _Frame:
    bits, components = body[0], body[5]
    if bits != 8:
        raise PictureError(f"a JPEG of {bits} bits, expected 8 bits")
    if components == 4:
        raise PictureError("a JPEG in CMYK, expected grey or red, green and blue", "convert it to RGB")
    if components not in (1, 3):
        raise PictureError(f"a JPEG of {components} components, expected 1 or 3")
    return _Frame(int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"), components)
