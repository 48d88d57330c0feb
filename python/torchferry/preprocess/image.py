"""What is done to pictures before a model, in one description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from torchferry.errors import ExitCode, FerryError
from torchferry.preprocess.center_crop import CenterCrop
from torchferry.preprocess.normalize import Normalize
from torchferry.preprocess.resize import Resize
from torchferry.preprocess.sides import Sides


@dataclass(frozen=True)
class ImagePreprocess:
    """From the pixels of a file to what a model was trained on; the export puts it inside, so that C++ is fed the pixels.

    `torchferry.export(model, inputs={"image": "uint8[N,H,W,3]"}, preprocess=ImagePreprocess(resize=256, crop=224, mean=..., std=...))`

    The input's spec says the rest: where the channels stand, the level of white (255 of uint8 and of a range 0..255, 1 of 0..1), and
    whether sizes are fixed (`uint8[N,480,640,3]`: every format) or free. In order: channels first, levels to 0..1, `resize` (the
    shorter side, or height and width), `crop` (from the middle), `(x - mean) / std` per channel of the levels 0..1. Each but the
    first two may be left out. The model gets float32 [N, C, height, width]. Raises FerryError(USAGE).
    """

    resize: Sides | None = None
    crop: Sides | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.std is None):
            given, missing = ("mean", "std") if self.std is None else ("std", "mean")
            raise FerryError(ExitCode.USAGE, f"{given}: got it without {missing}, expected both or neither")
        self.modules()

    def modules(self) -> list[nn.Module]:
        """Return what follows the scale, for [N, C, H, W] of 0..1. Raises FerryError(USAGE)."""
        found: list[nn.Module] = []
        if self.resize is not None:
            found.append(Resize(self.resize))
        if self.crop is not None:
            found.append(CenterCrop(self.crop))
        if self.mean is not None and self.std is not None:
            found.append(Normalize(self.mean, self.std))
        return found
