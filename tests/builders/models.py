"""Small modules to export. Without `from __future__ import annotations`: torch.jit.script reads the annotations of buffers."""

import numpy as np
import torch
from torch import Tensor, nn

from torchferry.exporter.exporter import GoldenInputs


class Doubling(nn.Module):
    """What the contract `doubling` promises: `y` = factor x (factor 2), `label` = 1 where the row's sum is above 3."""

    factor: Tensor

    def __init__(self, factor: float = 2.0) -> None:
        super().__init__()
        self.register_buffer("factor", torch.tensor(factor))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N,2] -> [N,2], [N]."""
        return self.factor * x, (x.sum(1) > 3).to(torch.int64)


def doubling_inputs(rows: int = 8) -> GoldenInputs:
    """Golden inputs for `Doubling`."""
    return GoldenInputs({"x": np.linspace(0, 3, 2 * rows, dtype=np.float32).reshape(rows, 2)}, "synthetic", "a test")


class Classifier(nn.Module):
    """A small network of the shape of the real ones: uint8 image [N,4,4] to `logits`, `probabilities` [N,5] and `label` [N]."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.hidden = nn.Linear(16, 32)
        self.output = nn.Linear(32, 5)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = image.flatten(1).to(self.hidden.weight.dtype) / 255
        logits = self.output(torch.sigmoid(self.hidden(features)))
        return logits, torch.softmax(logits, 1), logits.argmax(1)


class Scorer(nn.Module):
    """Several inputs and outputs of several dtypes, numbers among them, whose C structs have gaps: no two formats lay them out alike."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.mix = nn.Linear(3, 2)

    def forward(self, level: Tensor, x: Tensor, offset: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """[N,3], [N,2], [N] -> `twice` [N], `positive` [N], `scores` [N,2], `label` [N]."""
        scores = self.mix(level.to(self.mix.weight.dtype) / 255) + x
        return offset * 2, offset > 0, scores, scores.argmax(1)


class Mixed(nn.Module):
    """Every dtype that is common, a second free dim T, inputs without batch, a scalar, and outputs that are views of inputs."""

    def forward(
        self,
        x: Tensor,
        wide: Tensor,
        count: Tensor,
        small: Tensor,
        flag: Tensor,
        level: Tensor,
        steps: Tensor,
        bias: Tensor,
        scale: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        kept = torch.logical_not(flag), level.transpose(1, 2)
        return x * scale + bias, wide * 2, count + 1, small * 2, kept[0], kept[1], 2 * steps, steps.sum(1), bias + scale
