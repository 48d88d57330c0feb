"""One image file as one sample: PNG, JPEG, BMP, PGM and PPM, told by their first bytes (FORMAT.md section 10)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.limits import MAX_IMAGE_FILE_BYTES
from torchferry.samples import jpeg, png
from torchferry.samples.bmp import decode_bmp
from torchferry.samples.image_layout import layout_of
from torchferry.samples.jpeg import decode_jpeg
from torchferry.samples.picture import Picture, PictureError
from torchferry.samples.png import decode_png
from torchferry.samples.pnm import decode_pnm

_PNM = re.compile(rb"P[1-6][ \t\r\n][ \t\r\n0-9#]")

Decoder = Callable[[bytes, Callable[[int, int], None]], Picture]


def is_image(head: bytes) -> bool:
    """Say whether a file that starts with these bytes looks like an image (also one of a kind that is refused)."""
    return _decoder(head) is not None


def read_image(stream: BinaryIO, spec: TensorSpec, *, where: str, kept: deque[Picture] | None = None) -> Array:
    """Read one sample [1, ...] in the dtype of the contract, and keep its picture for whoever draws into it. Raises FerryError(BAD_INPUT)."""
    layout = layout_of(spec, where=where)
    data = stream.read(MAX_IMAGE_FILE_BYTES + 1)
    decode = _decoder(data[:10]) or _refuse_other
    if len(data) > MAX_IMAGE_FILE_BYTES:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: size: got more than {MAX_IMAGE_FILE_BYTES} bytes, expected fewer; is this the right file?",
        )
    try:
        with named_extras(where):
            picture = decode(data, layout.require_size)
            sample = layout.sample(picture)
    except PictureError as error:
        raise FerryError(ExitCode.BAD_INPUT, f"{where}: image: got {error}") from None
    if kept is not None:
        kept.append(picture)
    return sample


def _decoder(head: bytes) -> Decoder | None:
    """Return what decodes a file that starts so. A CSV header may begin with `BMI` or `P5 (kW)`."""
    if head.startswith(png.MAGIC):
        return decode_png
    if head.startswith(jpeg.MAGIC):
        return decode_jpeg
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return decode_bmp
    return decode_pnm if _PNM.match(head) else None


def _refuse_other(_data: bytes, _require_size: Callable[[int, int], None]) -> Picture:
    raise PictureError("a file of another kind than the first, expected PNG, JPEG, BMP, PGM or PPM", "take it out")
