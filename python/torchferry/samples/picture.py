"""A decoded picture, whatever file it came from, and what its pixels are to a contract. The C++ twin is cpp/cli/image_picture.cpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from torchferry.bundle.contract import Array

SAVE_AGAIN = "save it again as PNG"
Levels = np.ndarray[Any, np.dtype[np.uint32]]
_UPRIGHT = 1  # of EXIF's orientations
_ALPHA = (2, 4)  # channels of which the last is alpha


class PictureError(ValueError):
    """A file that is no picture, or none that is read: what was got and expected, and what to do."""

    def __init__(self, problem: str, advice: str = SAVE_AGAIN) -> None:
        super().__init__(f"{problem}; {advice}")


@dataclass(frozen=True)
class Picture:
    """`levels` [H,W,C] from 0 to `maximum`: grey, grey and alpha, colours, or colours and alpha."""

    levels: Array
    maximum: int
    orientation: int = _UPRIGHT
    is_keyed: bool = False  # is a colour of it transparent (tRNS of PNG)?

    @property
    def has_alpha(self) -> bool:
        """Is the last channel alpha?"""
        return self.levels.shape[2] in _ALPHA

    def as_channels(self, count: int) -> Levels:
        """Return [H,W,count] uint32: 1 is grey, 3 are red, green and blue, 4 are those and alpha. Raises PictureError."""
        levels = self.levels.astype(np.uint32)
        channels = levels.shape[2]
        if count == 1:
            return levels[..., :1] if channels < 3 else _grey(levels)
        colours = np.repeat(levels[..., :1], 3, axis=2) if channels < 3 else levels[..., :3]
        if count == 3:
            return colours
        if self.is_keyed:
            raise PictureError("a PNG with a transparent colour (tRNS), expected an alpha channel or none")
        alpha = levels[..., -1:] if self.has_alpha else np.full_like(levels[..., :1], self.maximum)
        return np.concatenate([colours, alpha], axis=2)


def with_levels_of_bytes(levels: Levels, maximum: int) -> Array:
    """Return levels [H,W,C] from 0 to `maximum` as uint8 from 0 to 255, rounded to the nearest, halves up."""
    return ((levels * (2 * 255) + maximum) // (2 * maximum)).astype(np.uint8)


def upright(pixels: Levels, orientation: int) -> Levels:
    """Turn pixels [H,W,C] as EXIF's orientation says (1 to 8), so that the first row is the upper one of what was seen."""
    if orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels


def _grey(levels: Levels) -> Levels:
    """Return the grey of colours in fixed point, ITU-R BT.601: the weights sum to 65536, so grey pixels keep their level."""
    red, green, blue = levels[..., :1], levels[..., 1:2], levels[..., 2:3]
    grey: Levels = np.right_shift(19595 * red + 38470 * green + 7471 * blue + 32768, 16)
    return grey
