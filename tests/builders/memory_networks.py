"""Networks whose values live long and side by side: residuals, concatenations, slices, states, and values of several types."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Array, Subject, subject_of

COUNT = 6


class Residuals(nn.Module):
    """Sums of a convolution and what came before, of which it reads one itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(3, 6, (3, 2), padding=(2, 0), dilation=(2, 1)),
            nn.Conv2d(6, 6, 3, padding=1, groups=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        a = torch.relu(self.first(x))
        b = torch.relu(self.second(a))
        a = torch.relu(self.second(b) + b + a)
        return self.second(torch.relu(self.second(a))) * a


class Rows(nn.Module):
    """The same of products over rows, and functions that read several values."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(18, 20), nn.Linear(20, 20)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(self.first(x))
        b = self.second(torch.sigmoid(self.second(a))) + a
        return self.second(torch.tanh(b) * b - 0.5)


class Dense(nn.Module):
    """Concatenations of concatenations, of which some parts are read again and one is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, 4, 3, padding=1) for channels in (3, 7, 11, 15))

    def forward(self, x: Tensor) -> Tensor:
        x = x * 0.5
        for conv in self.convs[:3]:
            x = torch.cat([torch.relu(conv(x)), x], 1)
        twice = self.convs[3](x)
        return torch.cat([twice, x.flip(1), twice], 1)


class UNet(nn.Module):
    """Skips over a pool and a transposed convolution, joined by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList((nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)))
        self.up = nn.ModuleList((nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)))
        self.join = nn.ModuleList((nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)))

    def forward(self, x: Tensor) -> Tensor:
        a = torch.relu(self.down[0](x))
        b = torch.relu(self.down[1](nn.functional.max_pool2d(a, 2)))
        c = torch.relu(self.down[2](nn.functional.avg_pool2d(b, 2)))
        b = torch.relu(self.join[0](torch.cat([b, self.up[0](c)], 1)))
        return self.join[1](torch.cat([self.up[1](b), a], 1))


class Slices(nn.Module):
    """Parts of values and of the input: read again after the whole, changed in a copy, put together in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.last = nn.Linear(12, 40), nn.Linear(20, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        begin, end = x.split(6, 1)
        a, b, c, d = self.wide(x).chunk(4, 1)
        gated = torch.tanh(a) * torch.sigmoid(b)
        mixed = torch.cat([gated, c - gated], 1)
        late = mixed[:, 5:15] + d
        filled = torch.slice_scatter(mixed, late[:, :5], 1, 3, 8)
        written = torch.slice_scatter(torch.relu(filled), torch.tanh(late[:, 5:]), 1, 7, 12)
        return self.last(filled) + self.last(mixed) * self.last(written), torch.cat([end * late[:, :6], begin + a[:, 2:8]], 1)


class Gated(nn.Module):
    """Causal convolutions with gates and residuals, then a transposed one."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Conv1d(5, 10, 3, dilation=d) for d in (1, 2, 4))
        self.back = nn.ConvTranspose1d(5, 3, 4, stride=3, padding=1, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for gate, d in zip(self.gates, (1, 2, 4), strict=True):
            a, b = gate(nn.functional.pad(x, (2 * d, 0))).chunk(2, 1)
            part = torch.tanh(a) * torch.sigmoid(b)
            x, total = x + part, total + part
        return self.back(total + x)


class Recurrent(nn.Module):
    """A bidirectional LSTM into a GRU, with the last states."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 7, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(14, 5, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, (_, c) = self.lstm(x)
        z, h = self.gru(y)
        return z, h[0], c[3] + y[:, 0, :7]


class Attention(nn.Module):
    """A block with RMS norm, attention, gates, and two residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList((nn.RMSNorm(16), nn.RMSNorm(16)))
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.down = nn.Linear(16, 48), nn.Linear(24, 16)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(2, (2, 8)).transpose(1, 2) for t in self.qkv(self.norms[0](x)).chunk(3, 2))
        heads = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(heads.transpose(1, 2).flatten(2))
        gate, value = self.up(self.norms[1](x)).chunk(2, 2)
        return x + self.down(nn.functional.silu(gate) * value)


class Types(nn.Module):
    """Floats, conditions and whole numbers in turns, so that bytes of the arena change their type."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(9, 33), nn.Linear(33, 33)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a = self.first(x)
        order = a.argsort(1)
        b = self.second(a.gather(1, order)) * (order % 3).float()
        best = b.topk(4, 1).indices + order[:, :4]
        c = self.second(torch.where(b > a, b, a.flip(1)))
        return c.gather(1, best % 33) + c[:, :4], (best * 2 - order[:, 4:8]).cumsum(1)


@cache
def _subject(make: Callable[[], nn.Module], names: tuple[str, ...], *shape: int) -> Subject:
    torch.manual_seed(0)
    x: Array = np.random.default_rng(3).standard_normal((COUNT, *shape)).astype(np.float32)
    return subject_of(make(), (spec("x", shape=("N", *shape)),), names, {"x": x}, name=make.__name__.lower())


MEMORY_SUBJECTS: dict[str, Callable[[], Subject]] = {
    "residuals": lambda: _subject(Residuals, ("y",), 3, 11, 19),
    "rows": lambda: _subject(Rows, ("y",), 7, 18),
    "dense": lambda: _subject(Dense, ("y",), 3, 9, 8),
    "u-net": lambda: _subject(UNet, ("y",), 3, 16, 12),
    "slices": lambda: _subject(Slices, ("y", "z"), 12),
    "gated": lambda: _subject(Gated, ("y",), 5, 21),
    "recurrent": lambda: _subject(Recurrent, ("y", "h", "c"), 8, 6),
    "attention": lambda: _subject(Attention, ("y",), 10, 16),
    "types": lambda: _subject(Types, ("y", "n"), 9),
}
