"""How a contract takes pictures: size, channels, their order and the scale (FORMAT.md section 10).

The C++ twin is cpp/cli/image_layout.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE
from torchferry.samples.picture import Picture, PictureError, upright, with_levels_of_bytes

CHANNELS = (1, 3, 4)
KINDS = "[N,H,W], [N,1,H,W], [N,3,H,W], [N,4,H,W] or those with the channels last"
_SCALES = {(0.0, 1.0): 1, (0.0, 255.0): 255}


@dataclass(frozen=True)
class ImageLayout:
    """What an input wants of a picture. `axis`: of the channels in a batch; None: it has none. `top`: the level of white; `reverse`: BGR."""

    spec: TensorSpec
    axis: int | None
    channels: int
    top: int
    reverse: bool

    @property
    def size(self) -> tuple[int | str, int | str]:
        """Return height and width, each a number or a symbol."""
        height, width = (dim for axis, dim in enumerate(self.spec.shape) if axis not in (0, self.axis))
        return height, width

    def require_size(self, width: int, height: int) -> None:
        """Require the size of the spec; a symbolic height or width takes every value up to the limit. Raises PictureError."""
        wanted = [got if isinstance(dim, str) else dim for got, dim in zip((height, width), self.size, strict=True)]
        if [height, width] != wanted:
            raise PictureError(f"{width} x {height} pixels, expected {wanted[1]} x {wanted[0]}", "resize it before")
        if not (0 < width <= MAX_IMAGE_SIDE and 0 < height <= MAX_IMAGE_SIDE and width * height <= MAX_IMAGE_PIXELS):
            most = f"at most {MAX_IMAGE_SIDE} a side and {MAX_IMAGE_PIXELS} in all"
            raise PictureError(f"{width} x {height} pixels, expected {most}", "resize it before")

    def sample(self, picture: Picture) -> Array:
        """Return the picture as one sample [1, ...] in the contract's dtype."""
        pixels = upright(picture.as_channels(self.channels), picture.orientation)
        if self.reverse:
            pixels = np.concatenate([pixels[..., 2::-1], pixels[..., 3:]], axis=2)
        if self.spec.dtype == "uint8":
            values = with_levels_of_bytes(pixels, picture.maximum)
        else:
            values = (pixels * self.top).astype(np.float32) / np.float32(picture.maximum)
        if self.axis is None:
            return values[np.newaxis, ..., 0]
        return np.ascontiguousarray(np.moveaxis(values, 2, 0) if self.axis == 1 else values)[np.newaxis]


class NoPicturesError(ValueError):
    """An input that takes no pictures, or says too little about them: why, and which files it takes instead."""

    def __init__(self, why: str, instead: str) -> None:
        super().__init__(why)
        self.why, self.instead = why, instead


def layout_of(spec: TensorSpec, *, where: str) -> ImageLayout:
    """Return how the input takes pictures. Raises FerryError(BAD_INPUT) where it takes none, or says too little."""
    try:
        return find_layout(spec)
    except NoPicturesError as error:
        raise FerryError(ExitCode.BAD_INPUT, f"{where}: got an image, expected {error.instead}: {error.why}") from None


def find_layout(spec: TensorSpec) -> ImageLayout:
    """Return how the input takes pictures. Raises NoPicturesError."""
    axis = _channel_axis(spec)
    if spec.dtype not in ("uint8", "float32") or not spec.is_batched or axis is None:
        raise NoPicturesError(f"{spec.name} is {spec.describe()}, and images are uint8 or float32 {KINDS}", ".npy or CSV")
    if axis == _UNKNOWN:
        raise NoPicturesError(f"the channels of {spec.name} {spec.describe()} may stand first or last", ".npy")
    top = _SCALES.get(spec.range) if spec.range is not None else None
    if spec.dtype == "float32" and top is None:
        raise NoPicturesError(
            f"{spec.name} {spec.describe()} has not the range 0..1 or 0..255, so the level of white is not known; export it with one",
            ".npy",
        )
    channels = 1 if axis == 0 else int(spec.shape[axis])
    return ImageLayout(spec, axis or None, channels, top or 255, (spec.channels or "").startswith("BGR"))


_UNKNOWN = -1


def _channel_axis(spec: TensorSpec) -> int | None:
    """Return the axis of the channels; 0: there is none; _UNKNOWN: it may be one of two; None: these are no pictures."""
    if len(spec.shape) == 3:
        return 0
    if len(spec.shape) != 4:
        return None
    found = [axis for axis in (1, 3) if spec.shape[axis] in CHANNELS]
    return None if not found else found[0] if len(found) == 1 else _UNKNOWN
