"""Five networks of the kinds that people ship to devices, which nothing in the C compiler was written for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from builders.contracts import spec
from builders.generated_c import Array, Subject, subject_of
from builders.networks import normal

COUNT = 12


class OddWindows(nn.Module):
    """Convolutions of an image whose paddings, dilations, strides and groups differ in both directions, and every way to pad."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(3, 8, (4, 3), padding="same", dilation=(1, 2))
        self.reflected = nn.Conv2d(8, 12, (3, 5), (2, 1), (2, 3), padding_mode="reflect", groups=4)
        self.around = nn.Conv2d(12, 12, 3, padding=(1, 2), dilation=(1, 3), padding_mode="circular", groups=12, bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.repeated = nn.Conv2d(12, 10, (1, 4), (1, 2), (0, 2), padding_mode="replicate")
        self.slopes = nn.PReLU(10, 0.2)
        self.last = nn.Conv2d(10, 6, 3, 2, (0, 4), (2, 1), 2)

    def forward(self, image: Tensor) -> Tensor:
        x = F.hardswish(self.same(image.to(self.same.weight.dtype) / 255 - 0.5))
        x = F.silu(self.norm(self.around(self.reflected(x))))
        x = F.max_pool2d(F.pad(x, (2, 0, 1, 3), value=-0.5), (3, 2), (1, 2), (1, 0), ceil_mode=True)
        x = self.slopes(self.repeated(x))
        x = self.last(F.avg_pool2d(x, (2, 3), (1, 2), (1, 1), ceil_mode=True, count_include_pad=False))
        return F.adaptive_avg_pool2d(x, (2, 3)).flatten(1)


class GatedCausal(nn.Module):
    """Causal convolutions of a signal with gates and skips, then a transposed one that makes it four times as long."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 10, 1)
        self.filters = nn.ModuleList(nn.Conv1d(10, 20, 2, dilation=2**level) for level in range(4))
        self.mixes = nn.ModuleList(nn.utils.parametrizations.weight_norm(nn.Conv1d(10, 10, 1)) for _ in range(4))
        self.longer = nn.ConvTranspose1d(10, 6, 7, stride=4, padding=2, output_padding=1, groups=2)
        self.gate = nn.Conv1d(6, 8, 3, padding=1)

    def forward(self, signal: Tensor) -> Tensor:
        x, skips = self.first(signal), torch.zeros(())
        for filter_, mix in zip(self.filters, self.mixes, strict=True):
            value, gate = filter_(F.pad(x, (filter_.dilation[0], 0))).chunk(2, dim=1)
            gated = torch.tanh(value) * torch.sigmoid(gate)
            skips = skips + gated
            x = x + mix(gated)
        return F.glu(self.gate(F.elu(self.longer(F.relu(skips)))), dim=1)


class Recurrences(nn.Module):
    """An LSTM of both directions and two layers into a GRU, from its last state to scores."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(7, 12, 2, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(24)
        self.gru = nn.GRU(24, 16, batch_first=True)
        self.head = nn.Linear(32, 5)

    def forward(self, frames: Tensor) -> Tensor:
        sequence, (hidden, _) = self.lstm(frames)
        _, last = self.gru(self.norm(sequence))
        return F.log_softmax(self.head(torch.cat([last[-1], hidden[-1], hidden[0][:, :4]], 1)), dim=-1)


class Attention(nn.Module):
    """A causal block of a language model: RMS norm, rotary places, grouped keys, SwiGLU; from tokens to the next one's scores."""

    def __init__(self, length: int = 11, width: int = 24, heads: int = 4) -> None:
        super().__init__()
        self.tokens, self.heads, self.size = nn.Embedding(50, width), heads, width // heads
        self.before, self.between, self.after = (nn.RMSNorm(width, eps=1e-6) for _ in range(3))
        self.query, self.keys = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.out, self.up, self.down = (nn.Linear(a, b, bias=False) for a, b in ((width, width), (width, 80), (40, width)))
        angles = torch.outer(torch.arange(length), 100.0 ** -(torch.arange(0, self.size, 2) / self.size))
        self.register_buffer("cos", angles.cos().repeat(1, 2))
        self.register_buffer("sin", angles.sin().repeat(1, 2))

    def turned(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=-1)
        return x * self.cos + torch.cat([-second, first], -1) * self.sin

    def forward(self, token: Tensor) -> Tensor:
        x = self.tokens(token)
        normed = self.before(x)
        query = self.query(normed).unflatten(-1, (self.heads, self.size)).transpose(1, 2)
        keys, values = self.keys(normed).unflatten(-1, (2, 2, self.size)).permute(2, 0, 3, 1, 4)
        keys, values = (part.repeat_interleave(2, dim=1) for part in (keys, values))
        mixed = F.scaled_dot_product_attention(self.turned(query), self.turned(keys), values, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        gate, up = self.up(self.between(x)).chunk(2, dim=-1)
        x = x + self.down(F.silu(gate) * up)
        return self.after(x)[:, -1] @ self.tokens.weight.T


class Block(nn.Sequential):
    """Two convolutions with their norms."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__(
            nn.Conv2d(given, made, 3, padding=1),
            nn.GroupNorm(2, made),
            nn.ReLU(),
            nn.Conv2d(made, made, 3, padding=1, bias=False),
            nn.InstanceNorm2d(made, affine=True),
            nn.LeakyReLU(0.1),
        )


class SmallUNet(nn.Module):
    """Down twice, up once by a transposed convolution and once by bilinear resampling, each beside what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([Block(1, 6), Block(6, 10), Block(10, 14)])
        self.up = nn.ConvTranspose2d(14, 10, 2, stride=2)
        self.right = nn.ModuleList([Block(20, 10), Block(16, 6)])
        self.last = nn.Conv2d(6, 2, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        first = self.down[0](image)
        second = self.down[1](F.max_pool2d(first, 2))
        third = self.down[2](F.avg_pool2d(second, 2))
        x = self.right[0](torch.cat([second, self.up(third)], 1))
        wide = F.interpolate(x, size=first.shape[2:], mode="bilinear", align_corners=False)
        scores = self.last(self.right[1](torch.cat([first, wide], 1)))
        return torch.softmax(scores, 1), scores.argmax(1)


Row = tuple[Callable[[], nn.Module], str, Callable[[], Array], tuple[str, ...]]  # module, input, its samples, outputs
SHIPPED: dict[str, Row] = {
    "odd windows": (OddWindows, "image", lambda: np.random.default_rng(2).integers(0, 256, (COUNT, 3, 15, 13), np.uint8), ("y",)),
    "gated causal": (GatedCausal, "signal", lambda: normal(COUNT, 2, 19, seed=3), ("y",)),
    "recurrences": (Recurrences, "frames", lambda: normal(COUNT, 9, 7, seed=4), ("y",)),
    "attention": (Attention, "token", lambda: np.random.default_rng(5).integers(0, 50, (COUNT, 11)), ("y",)),
    "u-net": (SmallUNet, "image", lambda: normal(COUNT, 1, 16, 20, seed=6), ("mask", "label")),
}  # fmt: skip


@cache
def shipped(name: str) -> Subject:
    """Return one of SHIPPED."""
    return warmed(name, SHIPPED[name], seed=7)


def warmed(name: str, row: Row, *, seed: int) -> Subject:
    """Return the network of a row, with its weights at a seed of its own and norms that have seen some data."""
    make, input_, samples, outputs = row
    torch.manual_seed(seed)
    module, given = make(), samples()
    module.train()
    with torch.no_grad():
        module(torch.from_numpy(given))
    dtype, shape = str(given.dtype), ("N", *given.shape[1:])
    limits = (0.0, 49.0) if dtype == "int64" else None
    return subject_of(
        module,
        (spec(input_, dtype, shape, range=limits),),
        outputs,
        {input_: given},
        name=name.replace("-", " ").replace(" ", "_"),
    )
