"""What recurrent layers lose on CUDA: cuDNN's kernels compute tanh and sigmoid to some 2^-17, not to float32's last bits.

Measured on an H100 with cuDNN 9.19, TF32 off, hidden sizes 1 to 64: an LSTM, a GRU and a plain tanh layer whose sums are exact
are up to 7.99e-6 from float64; PyTorch's own CUDA kernels, which it uses without cuDNN, up to 2e-7 (tests/bench/RESULTS.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from torchferry.compare.tolerance import Bound
from torchferry.intake.source import ExportSource

COARSER = 256
"""2^-16, twice the largest error of a gate that was seen, in units of 2^-24, float32's rounding of a result near 1."""


def bounds_on_cuda(source: ExportSource, bounds: Mapping[str, Bound]) -> Mapping[str, Bound]:
    """Return the bounds of outputs for CUDA: as they are, or `COARSER` times as wide where the module has gated layers.

    Errors pass through a network in proportion, to first order: where none is more than `COARSER` times its rounding, no output
    is more than `COARSER` times its bound from float64.
    """
    if not any(_is_gated(part) for part in source.module.modules()):
        return bounds
    return {name: Bound(COARSER * bound.value, f"{bound.reason}; {_WHY}") for name, bound in bounds.items()}


def _is_gated(part: nn.Module) -> bool:
    """Say whether a module is a layer of tanh or sigmoid that cuDNN runs whole; one of TorchScript keeps its name only."""
    is_recurrent = isinstance(part, nn.RNNBase) or getattr(part, "original_name", "") in ("LSTM", "GRU", "RNN")
    return is_recurrent and getattr(part, "nonlinearity", "") != "relu"


_WHY = f"{COARSER} times that, since cuDNN's recurrent layers compute tanh and sigmoid to 2^-16 (8.0e-06 seen) where float32 has 2^-24"
