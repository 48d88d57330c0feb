"""Preprocessing as modules, so that it is exported with the model and C++ is fed raw values.

Integer input takes the dtype of the module's buffers: after `model.double()` the whole model computes in float64.
"""

import torch
from torch import Tensor, nn
from torch.nn import Flatten

__all__ = ["Flatten", "Standardize", "UnitScale"]


class Standardize(nn.Module):
    """(x - mean) / std per feature: zero mean and unit variance on the training set."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def fit(cls, inputs: Tensor) -> "Standardize":
        """Mean and unbiased standard deviation of the training inputs [N, features]."""
        return cls(inputs.mean(dim=0), inputs.std(dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """[N, features] in the unit of the training inputs -> [N, features] without unit."""
        return (x.to(self.mean.dtype) - self.mean) / self.std


class UnitScale(nn.Module):
    """x / maximum: grey levels 0..maximum become 0..1."""

    maximum: Tensor

    def __init__(self, maximum: float) -> None:
        super().__init__()
        self.register_buffer("maximum", torch.tensor(float(maximum)))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape and numeric dtype -> the same shape, floating point."""
        return x.to(self.maximum.dtype) / self.maximum
