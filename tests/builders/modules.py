"""Modules of users: what `torchferry.export` must carry. Without `from __future__ import annotations`, for torch.jit.script."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from torchferry.bundle.contract import Array

ROWS = 8


def settled(module: nn.Module, seed: int = 0) -> nn.Module:
    """In eval mode, with batch norm statistics as after a training, so that they do something."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()  # type: ignore[union-attr]
            part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            nn.init.normal_(part.weight, 1, 0.3)
            nn.init.normal_(part.bias)
    return module.eval()


def convolutional() -> nn.Module:
    """Convolutions with batch norm, GELU and pooling."""
    features = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.GELU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8)]
    return nn.Sequential(*features, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


class Residual(nn.Module):
    """Two convolutions around a shortcut; names its outputs in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = torch.relu(self.norm(self.first(image)))
        features = torch.relu(features + self.second(features))
        logits = self.head(features.mean((2, 3)))
        return {"logits": logits, "label": logits.argmax(1)}


class Recurrent(nn.Module):
    """An LSTM over time, read at its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 8, num_layers=2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, series: Tensor) -> Tensor:
        states, _ = self.lstm(series)
        return self.head(states[:, -1])


class Attention(nn.Module):
    """A transformer encoder with layer norm and GELU, averaged over time."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, series: Tensor) -> Tensor:
        return self.head(self.encoder(series).mean(1))


class Pooled(nn.Module):
    """Embeddings of tokens, averaged where the mask says so; two inputs of different dtypes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        weights = mask.to(self.head.weight.dtype).unsqueeze(2)
        total = (self.embedding(tokens) * weights).sum(1)
        return self.head(total / weights.sum(1).clamp(min=1))


class Answers(NamedTuple):
    """Outputs of several dtypes."""

    score: Tensor
    positive: Tensor
    rank: Tensor


class Several(nn.Module):
    """Two float inputs, a shared weight, a buffer, and outputs of three dtypes."""

    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(5, 6)
        self.right = nn.Linear(5, 6)
        self.right.weight = self.left.weight
        self.register_buffer("offset", torch.linspace(-1, 1, 6))

    def forward(self, a: Tensor, b: Tensor) -> Answers:
        score = torch.tanh(self.left(a)) * self.right(b) + self.offset
        return Answers(score, score.sum(1) > 0, score.argmax(1))


class Loop(nn.Module):
    """Repeats a layer until the largest value is small: the number of steps depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        while bool((y.abs().max() > 0.5).item()):
            y = 0.5 * torch.tanh(self.layer(y))
        return y


def normalized() -> nn.Module:
    """Layer norm and GELU between linear layers."""
    return nn.Sequential(nn.Linear(10, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 4), nn.Softmax(1))


@dataclass(frozen=True)
class Sample:
    """A module, the specs of its inputs as on the command line, and the names of its outputs."""

    build: Callable[[], nn.Module]
    inputs: dict[str, str]
    outputs: tuple[str, ...]

    def module(self, seed: int = 0) -> nn.Module:
        """Weights from that seed, in eval mode."""
        torch.manual_seed(seed)
        return settled(self.build(), seed)


MODULES = {
    "convolutional": Sample(convolutional, {"image": "float32[N,3,10,10]"}, ("logits",)),
    "residual": Sample(Residual, {"image": "float32[N,3,6,6]"}, ("logits", "label")),
    "recurrent": Sample(Recurrent, {"series": "float32[N,T,4]"}, ("score",)),
    "attention": Sample(Attention, {"series": "float32[N,5,8]"}, ("score",)),
    "pooled": Sample(Pooled, {"tokens": "int64[N,T]:0..49", "mask": "bool[N,T]"}, ("logits",)),
    "several": Sample(Several, {"a": "float32[N,5]", "b": "float32[N,5]"}, ("score", "positive", "rank")),
    "loop": Sample(Loop, {"x": "float32[N,4]"}, ("y",)),
    "normalized": Sample(normalized, {"x": "float32[N,10]"}, ("probabilities",)),
}


def samples_for(shape: tuple[Any, ...], dtype: str, seed: int = 0, rows: int = ROWS, high: int = 50) -> Array:
    """Inputs by hand: normal floats, integers from 0 below `high`, bools."""
    random = np.random.default_rng(seed)
    dims = [rows if dim == "N" else 6 if isinstance(dim, str) else dim for dim in shape]
    if dtype == "bool":
        return random.integers(0, 2, dims).astype(bool)
    if dtype.startswith("float"):
        return random.normal(size=dims).astype(dtype)
    return random.integers(0, high, dims).astype(dtype)
