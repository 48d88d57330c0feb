"""Channels of pictures to the mean and deviation that a model was trained with."""

from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor, nn

from torchferry.errors import ExitCode, FerryError


class Normalize(nn.Module):
    """(x - mean) / std per channel, in the order of the input's channels."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        means, deviations = _per_channel("mean", mean), _per_channel("std", std)
        if len(means) != len(deviations):
            raise FerryError(
                ExitCode.USAGE,
                f"std: got {len(deviations)} numbers for {len(means)} means, expected as many: one for each channel",
            )
        if float(deviations.min()) <= 0:
            raise FerryError(
                ExitCode.USAGE, f"std: got {min(std):g}, expected numbers that float32 holds above 0; pixels are divided by them"
            )
        self.register_buffer("mean", means)
        self.register_buffer("std", deviations)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize [N, C, H, W] to the same shape, floating point."""
        return (x.to(self.mean.dtype) - self.mean) / self.std


def _per_channel(what: str, given: Sequence[float]) -> Tensor:
    """Return finite numbers as float32 [C, 1, 1]."""
    numbers = list(given) if isinstance(given, Sequence) and all(isinstance(item, Real) for item in given) else []
    found = torch.tensor([float(number) for number in numbers], dtype=torch.float32).view(-1, 1, 1)
    if not numbers or not bool(found.isfinite().all()):
        raise FerryError(
            ExitCode.USAGE,
            f"{what}: got {' '.join(repr(given).split())}, expected a finite number for each channel, e.g. (0.485, 0.456, 0.406)",
        )
    return found
