"""The middle of pictures."""

from torch import Tensor, nn

from torchferry.preprocess.sides import Sides, sides


class CenterCrop(nn.Module):
    """The middle of each picture, `size` pixels square or height and width, at the place that torchvision takes.

    Where the margin is odd, one side has the pixel more: the offset is half the margin, rounded to the nearest even number.
    """

    def __init__(self, size: Sides) -> None:
        super().__init__()
        found = sides("crop", size)
        self.height, self.width = found[0], found[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Crop [N, C, H, W] to [N, C, height, width]. A picture that is smaller is an error of torch."""
        top, left = self.offset(x.shape[2] - self.height), self.offset(x.shape[3] - self.width)
        return x.narrow(2, top, self.height).narrow(3, left, self.width)

    def offset(self, margin: int) -> int:
        """Return where the middle begins, in pixels, for the pixels that are left out along this side."""
        return (margin + margin // 2 % 2) // 2
