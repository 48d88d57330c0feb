"""Six more networks for devices, of other kinds than those of shipped_networks.py: gates, causal time, attention, a loop, sound, boxes."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from builders.generated_c import Subject
from builders.networks import normal
from builders.shipped_networks import Row, warmed

COUNT = 8


class SqueezeExcite(nn.Module):
    """An inverted residual whose depthwise channels are weighted by what a small network makes of their means."""

    def __init__(self, width: int = 8, wide: int = 20) -> None:
        super().__init__()
        self.expand, self.norm = nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, (5, 3), padding=(2, 1), groups=wide, bias=False)
        self.less, self.more, self.project = nn.Conv2d(wide, 5, 1), nn.Conv2d(5, wide, 1), nn.Conv2d(wide, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.hardswish(self.depthwise(F.relu6(self.norm(self.expand(x)))))
        gate = F.hardsigmoid(self.more(F.relu(self.less(y.mean((2, 3), keepdim=True)))))
        return x + self.project(y * gate)


class Gated(nn.Module):
    """Two such blocks, after a strided stem and before scores."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 8, 3, 2, 1), nn.Sequential(SqueezeExcite(), SqueezeExcite())
        self.scores = nn.Linear(16, 6)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(F.relu(self.stem((image.to(self.stem.weight.dtype) - 127.5) / 127.5)))
        pooled = torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1)
        scores = self.scores(pooled)
        return torch.softmax(scores, -1), scores.argmax(-1)


class TemporalNet(nn.Module):
    """Dilated causal convolutions with weight norm and skips, and the last frame's regression."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.first = nn.ModuleList(norm(nn.Conv1d(4 if d == 1 else 12, 12, 3, dilation=d)) for d in (1, 2, 4))
        self.second = nn.ModuleList(norm(nn.Conv1d(12, 12, 3, dilation=d)) for d in (1, 2, 4))
        self.down, self.out = nn.Conv1d(4, 12, 1), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        for level, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            left = 2 * 2**level
            y = F.relu(first(F.pad(x, (left, 0))))
            y = F.relu(second(F.pad(y, (left, 0))))
            x = F.relu(y + (self.down(x) if level == 0 else x))
        return self.out(x[:, :, -1])


class Encoder(nn.Module):
    """Patches of a signal with learned positions through two layers of attention, to the mean of all and to the first."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.first = nn.Conv1d(3, 16, 4, 4), nn.Parameter(torch.randn(1, 1, 16) * 0.2)
        self.places = nn.Parameter(torch.randn(1, 9, 16) * 0.2)
        layer = nn.TransformerEncoderLayer(16, 4, 40, 0.1, "gelu", batch_first=True, norm_first=True)
        self.layers, self.scores = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch(x).transpose(1, 2)
        whole = torch.cat([self.first.expand(patches.shape[0], -1, -1), patches], 1) + self.places
        made = self.layers(whole)
        return self.scores(torch.cat([made[:, 0], made[:, 1:].mean(1)], 1))


class ConvLoop(nn.Module):
    """A ConvLSTM over five frames, written as a loop, and a map of where something is."""

    def __init__(self) -> None:
        super().__init__()
        self.gates, self.last = nn.Conv2d(2 + 6, 24, 3, padding=1), nn.Conv2d(6, 1, 1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        h = frames.new_zeros(frames.shape[0], 6, *frames.shape[-2:])
        c = torch.zeros_like(h)
        for frame in frames.unbind(1):
            i, f, o, g = self.gates(torch.cat([frame, h], 1)).chunk(4, 1)
            c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return torch.sigmoid(self.last(h)), h.abs().flatten(2).norm(dim=-1)


class Spotter(nn.Module):
    """Sound in int16 to its log spectrum inside, a GRU over the frames, and the frames weighted by attention."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(32))
        self.register_buffer("bands", torch.rand(17, 8).softmax(0))
        self.norm, self.gru, self.weigh = nn.BatchNorm1d(8), nn.GRU(8, 12, batch_first=True, bidirectional=True), nn.Linear(24, 1)
        self.scores = nn.Linear(24, 5)

    def forward(self, sound: Tensor) -> Tensor:
        x = sound.to(self.bands.dtype) / 32768
        x = x - 0.97 * F.pad(x, (1, 0))[:, :-1]
        power = torch.stft(x, 32, 16, window=self.window, center=False, return_complex=True).abs().square()
        bands = torch.log(power.transpose(1, 2) @ self.bands + 1e-4)
        steps, _ = self.gru(self.norm(bands.transpose(1, 2)).transpose(1, 2))
        weights = torch.softmax(self.weigh(torch.tanh(steps)), 1)
        return F.log_softmax(self.scores((weights * steps).sum(1)), -1)


class Boxes(nn.Module):
    """A detector of one scale: scores of each cell, the five best cells, and their boxes in the image's units."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.LeakyReLU(0.1), nn.Conv2d(8, 12, 3, 2, 1), nn.PReLU(12))
        self.head = nn.Conv2d(12, 3 + 4, 1)
        y, x = torch.meshgrid(torch.arange(5), torch.arange(6), indexing="ij")
        self.register_buffer("centres", torch.stack([x, y], -1).reshape(1, 30, 2).float())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cells = self.head(self.body(image)).flatten(2).transpose(1, 2)
        best, kinds = torch.sigmoid(cells[..., :3]).max(-1)
        scores, places = best.topk(5, dim=1)
        middle = (torch.tanh(cells[..., 3:5]) + self.centres) * 4
        half = torch.exp(cells[..., 5:].clamp(-4, 4)) * 2
        corners = torch.cat([middle - half, middle + half], -1)
        return scores, kinds.gather(1, places), corners.gather(1, places[..., None].expand(-1, -1, 4))


INVENTIONS: dict[str, Row] = {
    "gated": (Gated, "image", lambda: np.random.default_rng(2).integers(0, 256, (COUNT, 3, 13, 17), np.uint8), ("y", "label")),
    "temporal": (TemporalNet, "signal", lambda: normal(COUNT, 4, 21, seed=3), ("y",)),
    "encoder": (Encoder, "signal", lambda: normal(COUNT, 3, 32, seed=4), ("y",)),
    "conv loop": (ConvLoop, "frames", lambda: normal(COUNT, 5, 2, 7, 6, seed=5), ("place", "size")),
    "spotter": (Spotter, "sound", lambda: np.random.default_rng(6).integers(-9000, 9000, (COUNT, 160), np.int16), ("y",)),
    "boxes": (Boxes, "image", lambda: normal(COUNT, 1, 18, 22, seed=7), ("score", "kind", "box")),
}  # fmt: skip


@cache
def invention(name: str) -> Subject:
    """Return one of INVENTIONS."""
    return warmed(name, INVENTIONS[name], seed=8)
