"""Small networks of images with all that may stand between two convolutions, and all of them as one."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from builders.functions import Of, side_by_side
from builders.generated_c import Subject
from builders.networks import normal


class Squeeze(nn.Module):
    """Channels weighted by a number each, which small convolutions make of their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3), keepdim=True)))))


class Skip(nn.Module):
    """What the layers add to x, or set beside it."""

    def __init__(self, *layers: nn.Module, beside: bool = False) -> None:
        super().__init__()
        self.layers, self.beside = nn.Sequential(*layers), beside

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1) if self.beside else torch.relu(x + self.layers(x))


def _between(channels: int, *inner: nn.Module, after: int | None = None) -> nn.Sequential:
    """Layers whose input and output nobody but a convolution sees."""
    return nn.Sequential(nn.Conv2d(2, channels, 1), *inner, nn.Conv2d(after or channels, 3, 1))


def _viewed(function: nn.Module) -> nn.Sequential:
    """A function of an image whose channels are others after it than before."""
    return nn.Sequential(nn.Conv2d(2, 8, 1), nn.Flatten(1), nn.Unflatten(1, (4, 12, 5)), function, nn.Conv2d(4, 3, 2))


IMAGE_NETS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "many results": (_between(5, nn.Conv2d(5, 39, 3, padding=1), nn.ReLU(), nn.Conv2d(39, 150, 3, stride=2), after=150), (2, 9, 14)),
    "one by one": (_between(18, nn.Conv2d(18, 35, 1), nn.ReLU(), nn.Conv2d(35, 6, 1, stride=2), after=6), (2, 5, 5)),
    "a rest of thirteen to fifteen": (_between(13, nn.Conv2d(13, 14, 3), nn.ReLU(), nn.Conv2d(14, 30, (1, 3), groups=2), after=30), (2, 5, 16)),
    "groups and dilation": (_between(12, nn.Conv2d(12, 54, 3, padding=2, dilation=2, groups=3), after=54), (2, 8, 7)),
    "groups of many": (_between(36, nn.Conv2d(36, 38, (1, 3), padding=(0, 1), groups=2), nn.ReLU6(), after=38), (2, 3, 27)),
    "depthwise": (_between(21, nn.Conv2d(21, 21, 3, padding=1, groups=21), nn.ReLU(), nn.Conv2d(21, 21, 3, 2, groups=21)), (2, 9, 13)),
    "depthwise with dilation": (_between(33, nn.Conv2d(33, 33, (3, 2), 1, 2, (2, 3), 33)), (2, 9, 7)),
    "depthwise with two results": (_between(8, nn.Conv2d(8, 16, 3, groups=8), after=16), (2, 6, 5)),
    "padding wider than the window": (_between(6, nn.Conv2d(6, 17, 2, padding=5, stride=3), after=17), (2, 3, 4)),
    "pools": (_between(19, nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, 1, 1, count_include_pad=False), nn.AvgPool2d(2)), (2, 12, 9)),
    "sum": (_between(16, Skip(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 1))), (2, 6, 6)),
    "concatenation": (_between(16, Skip(nn.Conv2d(16, 7, 3, padding=1), beside=True), after=23), (2, 6, 6)),
    "squeeze": (_between(20, Squeeze(20)), (2, 4, 6)),
    "flattened": (nn.Sequential(nn.Conv2d(2, 20, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20 * 12, 5)), (2, 5, 6)),
    "mean": (nn.Sequential(nn.Conv2d(2, 20, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, 5)), (2, 5, 6)),
    "viewed otherwise": (_viewed(nn.LeakyReLU()), (2, 6, 5)),
    "viewed otherwise, relu": (_viewed(nn.ReLU()), (2, 6, 5)),
    "a number for each place": (_between(4, Of(lambda x: x + torch.arange(80.0).reshape(4, 4, 5) / 80)), (2, 4, 5)),
    "padded and shifted": (_between(6, nn.ZeroPad2d((1, 2, 0, 1)), Of(lambda x: x[:, :, 1:].flip(3))), (2, 4, 5)),
    "one dim": (nn.Sequential(nn.Conv1d(2, 17, 3), nn.ReLU(), nn.Conv1d(17, 17, 5, padding=2, groups=17), nn.Conv1d(17, 4, 1)), (2, 23)),
}  # fmt: skip


@cache
def every_image_net() -> Subject:
    drawn = np.random.default_rng(0)  # torch draws other numbers on other processors
    for layer in (layer for net, _ in IMAGE_NETS.values() for layer in net.modules()):
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            most = layer.weight[0].numel() ** -0.5
            for tensor in (layer.weight, layer.bias):
                assert tensor is not None
                tensor.data = torch.from_numpy(drawn.uniform(-most, most, tuple(tensor.shape)).astype(np.float32))
    return side_by_side(
        {name: net for name, (net, _) in IMAGE_NETS.items()},
        {name: normal(5, *shape, seed=3) for name, (_, shape) in IMAGE_NETS.items()},
    )
