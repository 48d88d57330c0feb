"""The orientation in an EXIF block, as cameras write it into JPEG and PNG. The C++ twin is cpp/cli/image_exif.cpp."""

from __future__ import annotations

import struct

from torchferry.samples.picture import PictureError

_ORIENTATION, _SHORT = 0x0112, 3


def orientation_of(block: bytes) -> int:
    """Return 1 to 8, which is 1 where a block (a TIFF header and its first folder) does not say. Raises PictureError."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        raise _damaged()
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    if start + 2 > len(block):
        raise _damaged()
    (count,) = struct.unpack_from(f"{order}H", block, start)
    if start + 2 + 12 * count > len(block):
        raise _damaged()
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", block, at)
        if tag == _ORIENTATION:
            if kind != _SHORT or values != 1 or value > 8:
                raise _damaged()
            return int(value or 1)  # 0: some cameras do not know
    return 1


def _damaged() -> PictureError:
    return PictureError("an EXIF block that is damaged, expected an orientation from 1 to 8")
