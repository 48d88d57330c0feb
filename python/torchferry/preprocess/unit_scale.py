"""Grey levels to numbers between 0 and 1."""

import torch
from torch import Tensor, nn


class UnitScale(nn.Module):
    """x / maximum: grey levels 0..maximum become 0..1."""

    maximum: Tensor

    def __init__(self, maximum: float) -> None:
        super().__init__()
        self.register_buffer("maximum", torch.tensor(float(maximum)))

    def forward(self, x: Tensor) -> Tensor:
        """Scale any shape and numeric dtype to the same shape, floating point."""
        return x.to(self.maximum.dtype) / self.maximum
