"""Networks of int16 inputs whose int8 form has products of int16: sound, frames of it, and images of 16 bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from builders.contracts import spec
from builders.generated_c import Array, Subject, subject_of

COUNT = 24


class Waves(nn.Module):
    """Long windows of a sound, then short ones, and scores of their means."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(1, 20, 33, 5, padding=7), nn.Conv1d(20, 9, 3, dilation=2)
        self.scores = nn.Linear(9, 4)

    def forward(self, sound: Tensor) -> Tensor:
        x = (sound.to(self.scores.weight.dtype) / 32768).unsqueeze(1)
        return self.scores(torch.tanh(self.second(F.relu(self.first(x)))).mean(2))


class Frames(nn.Module):
    """A whole sound through one matrix, whose sums need more than 32 bits, and its frames, of mirrored ends, through another one."""

    def __init__(self, size: int = 900) -> None:
        super().__init__()
        self.whole, self.each = nn.Linear(size, 17), nn.Linear(30, 5)
        nn.init.uniform_(self.whole.weight, 0.9, 1.0)

    def forward(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        x = sound.to(self.each.weight.dtype) * (1 / 32768)
        padded = F.pad(x.unsqueeze(1), (15, 15), mode="reflect").squeeze(1)
        return self.whole(x), torch.tanh(self.each(padded.unfold(1, 30, 15)))


class Depths(nn.Module):
    """An image of 16 bits whose zero is none of its numbers, in groups, and with other groups after that."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 10, (3, 2), (2, 1), (1, 2), (1, 2), groups=2), nn.Conv2d(10, 10, 3, groups=10)

    def forward(self, image: Tensor) -> Tensor:
        x = (image.to(self.first.weight.dtype) - 1000.5) / 4096
        return torch.sigmoid(self.second(F.silu(self.first(x))))


def sounds(*shape: int) -> Array:
    """Sounds that are loud at times and mostly soft, the largest numbers among them."""
    rng = np.random.default_rng(len(shape))
    loud = rng.choice([1.0, 0.01], (COUNT, *shape[:-1], 1), p=[0.2, 0.8])
    made = np.clip(rng.standard_normal((COUNT, *shape)) * 9000 * loud, -32768, 32767).astype(np.int16)
    made[0, ..., :4] = [-32768, 32767, -32768, 0]
    return made


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], tuple[str, ...]]] = {
    "waves": (Waves, (300,), ("y",)),
    "frames": (Frames, (900,), ("whole", "each")),
    "depths": (Depths, (4, 7, 6), ("y",)),
}


class Every(nn.Module):
    """All of NETS side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList(make() for make, _, _ in NETS.values())

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        results: list[Tensor] = []
        for net, x in zip(self.nets, inputs, strict=True):
            made = net(x)
            results += made if isinstance(made, tuple) else [made]
        return tuple(results)


def _drawn(module: nn.Module) -> nn.Module:
    """The module with numbers that are the same on every processor, which torch's are not; those of the largest sums stay."""
    drawn = np.random.default_rng(0)
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            most = layer.weight[0].numel() ** -0.5
            parameters = [layer.bias] if float(layer.weight.min()) > 0.8 else [layer.weight, layer.bias]
            for tensor in parameters:
                assert tensor is not None
                tensor.data = torch.from_numpy(drawn.uniform(-most, most, tuple(tensor.shape)).astype(np.float32))
            if len(parameters) == 1:
                layer.weight.data = torch.from_numpy(drawn.uniform(0.9, 1.0, tuple(layer.weight.shape)).astype(np.float32))
    return module


@cache
def every_sound_net() -> Subject:
    """Return all of NETS as one model."""
    given = tuple(spec(name, "int16", ("N", *shape)) for name, (_, shape, _) in NETS.items())
    names = tuple(f"{name}_{output}" for name, (_, _, outputs) in NETS.items() for output in outputs)
    samples = {name: sounds(*shape) for name, (_, shape, _) in NETS.items()}
    return subject_of(_drawn(Every()), given, names, samples, name="sounds")


@cache
def sound_net(name: str) -> Subject:
    """Return one of NETS in float32."""
    make, shape, outputs = NETS[name]
    kind = spec("sound", "int16", ("N", *shape))
    return subject_of(_drawn(make()), (kind,), outputs, {"sound": sounds(*shape)}, name=name)
