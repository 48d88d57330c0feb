"""Images for contracts [N,H,W] uint8: PNG, BMP and PGM, 8 bit; colour becomes grey by one integer formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_IMAGE_FILE_BYTES, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE
from torchferry.samples import png
from torchferry.samples.bmp import decode_bmp
from torchferry.samples.pgm import decode_pgm
from torchferry.samples.png import decode_png

_JPEG = b"\xff\xd8\xff"
_PNM = re.compile(rb"P[1-6][ \t\r\n][ \t\r\n0-9#]")

Decoder = Callable[[bytes, Callable[[int, int], None]], Array]


def is_image(head: bytes) -> bool:
    """Say whether a file that starts with these bytes looks like an image (also one of a kind that is refused)."""
    return _decoder(head) is not None


def read_image(stream: BinaryIO, spec: TensorSpec, *, where: str) -> Array:
    """Read one sample [1, H, W] uint8. Raises FerryError(BAD_INPUT)."""
    if spec.dtype != "uint8" or len(spec.shape) != 3 or spec.shape[0] != "N":
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: got an image, expected .npy or CSV: {spec.name} is {spec.describe()}, and images are uint8[N,H,W]",
        )
    data = stream.read(MAX_IMAGE_FILE_BYTES + 1)
    decode = _decoder(data[:10]) or _refuse_other
    if len(data) > MAX_IMAGE_FILE_BYTES:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: size: got more than {MAX_IMAGE_FILE_BYTES} bytes, expected fewer; is this the right file?",
        )
    try:
        return _grey(decode(data, lambda width, height: _require_size(width, height, spec)))[np.newaxis]
    except ValueError as error:
        raise FerryError(ExitCode.BAD_INPUT, f"{where}: image: got {error}; save it again as PNG, BMP or PGM") from None


def _decoder(head: bytes) -> Decoder | None:
    """Return what decodes a file that starts so. A CSV header may begin with `BMI` or `P5 (kW)`."""
    if head.startswith(png.MAGIC):
        return decode_png
    if head.startswith(_JPEG):
        return _refuse_jpeg
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return decode_bmp
    return decode_pgm if _PNM.match(head) else None


def _refuse_jpeg(_data: bytes, _require_size: Callable[[int, int], None]) -> Array:
    raise ValueError("JPEG, expected PNG, BMP or PGM: JPEG decoders differ, and so would the answers")


def _refuse_other(_data: bytes, _require_size: Callable[[int, int], None]) -> Array:
    raise ValueError("a file of another kind than the first, expected PNG, BMP or PGM")


def _require_size(width: int, height: int, spec: TensorSpec) -> None:
    """Require the size of the spec; a symbolic height or width takes every value up to the limit."""
    wanted = [got if isinstance(dim, str) else dim for got, dim in zip((height, width), spec.shape[1:], strict=True)]
    if [height, width] != wanted:
        raise ValueError(f"{width} x {height} pixels, expected {wanted[1]} x {wanted[0]}")
    if not (0 < width <= MAX_IMAGE_SIDE and 0 < height <= MAX_IMAGE_SIDE and width * height <= MAX_IMAGE_PIXELS):
        raise ValueError(f"{width} x {height} pixels, expected at most {MAX_IMAGE_SIDE} a side and {MAX_IMAGE_PIXELS} in all")


def _grey(pixels: Array) -> Array:
    if pixels.ndim == 2:
        return pixels
    red, green, blue = np.moveaxis(pixels.astype(np.uint32), -1, 0)
    grey: Array = ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)
    return grey
