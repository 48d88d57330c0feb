"""Pictures as a file has them to pictures as convolutions take them."""

from torch import Tensor, nn


class ChannelsFirst(nn.Module):
    """The channels as dim 1. `axis`: where they are in a batch, 1 or 3; 0: the pictures have no such dim, since they are grey."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Move the channels of [N, H, W, C], [N, C, H, W] or [N, H, W] to [N, C, H, W].

        The result is contiguous, as in a training: of channels that lie last, convolutions give other last bits.
        """
        if self.axis == 0:
            return x.unsqueeze(1)
        return x.permute(0, 3, 1, 2).contiguous() if self.axis == 3 else x
