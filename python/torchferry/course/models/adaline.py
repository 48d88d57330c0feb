"""ADALINE, the adaptive linear neuron (B. Widrow and M. Hoff, 1960; STAT 453, L6.4)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from torchferry.course.models.model import Model


class AdalineOutput(NamedTuple):
    """`net_input` float [N]; `label` int64 [N], 0 or 1."""

    net_input: Tensor
    label: Tensor


class Adaline(Model):
    """A linear neuron: its activation is the identity, its prediction `net_input > 0.5`. Weights and bias start at zero."""

    def __init__(self, preprocess: nn.Module, num_features: int) -> None:
        super().__init__(preprocess, nn.Linear(num_features, 1))
        for parameter in self.network.parameters():
            nn.init.zeros_(parameter)

    def forward(self, measurements: Tensor) -> AdalineOutput:
        """Compute the net input [N] and the label [N] of measurements [N, num_features]."""
        scores = self.network(self.preprocess(measurements))  # [N, 1]
        return AdalineOutput(scores.squeeze(1), self.predict(scores))

    def predict(self, scores: Tensor) -> Tensor:
        """Return the class 0 or 1, int64 [N], of net inputs [N, 1]."""
        return (scores.squeeze(1) > 0.5).to(torch.int64)
