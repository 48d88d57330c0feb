"""Zero mean and unit variance, from the training set."""

from torch import Tensor, nn


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
        """Take mean and unbiased standard deviation of the training inputs [N, features]."""
        return cls(inputs.mean(dim=0), inputs.std(dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """Standardize [N, features] in the unit of the training inputs to [N, features] without unit."""
        return (x.to(self.mean.dtype) - self.mean) / self.std
