"""Pictures of any size to pictures of another, as torchvision and Pillow do it."""

import torch
from torch import Tensor, nn
from torch.jit import is_scripting  # type: ignore[attr-defined]  # public, and not declared so
from torch.nn import functional

from torchferry.preprocess.sides import Sides, sides


class Resize(nn.Module):
    """Bilinear with antialias: where pictures shrink, each result is a weighted mean of all pixels under it.

    `size`: of the shorter side, the longer one keeping its proportion (rounded down), or height and width. It is
    `torchvision.transforms.v2.Resize(size, antialias=True)` of floats. Pillow computes the same and rounds twice to whole levels, so
    that it is up to one level away.
    """

    def __init__(self, size: Sides) -> None:
        super().__init__()
        found = sides("resize", size)
        self.shorter = found[0] if len(found) == 1 else 0  # TorchScript wants one type: 0 where height and width are given
        self.height, self.width = found[0], found[-1]

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width, in pixels, of what a picture of this size becomes."""
        if self.shorter == 0:
            return self.height, self.width
        if is_scripting():  # noqa: SIM108  TorchScript would compile both sides of an expression
            side = min(height, width)
        else:
            side = _shorter(height, width)
        return self.shorter * height // side, self.shorter * width // side

    def forward(self, x: Tensor) -> Tensor:
        """Resize floats [N, C, H, W] to [N, C, height, width]."""
        height, width = self.output_size(x.shape[2], x.shape[3])
        return functional.interpolate(x, size=(height, width), mode="bilinear", antialias=True)


def _shorter(height: int, width: int) -> int:
    """Return the smaller number without a decision, which an export would freeze: sizes are symbols there, tensors in a trace."""
    if isinstance(height, Tensor):
        return torch.minimum(height, width)
    side: int = torch.sym_min(height, width)
    return side
