"""Networks of sequences for c_networks.py: recurrent layers and attention, hidden size 64, 16 steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

Array = np.ndarray[Any, Any]
STEPS, WIDTH = 16, 64


class Steps(nn.Module):
    """Every step of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.layer(x)[0]
        return made


class SelfAttention(nn.Module):
    """Attention of four heads over all steps."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.attention(x, x, x, need_weights=False)[0]
        return made


# What a recurrent layer or attention multiplies, which is no layer of its own.
MULTIPLICATIONS = {
    "gru_64": STEPS * 3 * 2 * WIDTH * WIDTH,
    "lstm_64": STEPS * 4 * 2 * WIDTH * WIDTH,
    "attention_64": 4 * STEPS * WIDTH * WIDTH + 2 * STEPS * STEPS * WIDTH,
}


def sequences() -> dict[str, tuple[nn.Module, None, dict[str, Array]]]:
    """Return modules with goldens, as `networks()` of edge_networks.py does."""
    torch.manual_seed(0)
    goldens = {"x": np.random.default_rng(1).standard_normal((33, STEPS, WIDTH)).astype(np.float32)}
    return {
        "gru_64": (Steps(nn.GRU(WIDTH, WIDTH, batch_first=True)).eval(), None, goldens),
        "lstm_64": (Steps(nn.LSTM(WIDTH, WIDTH, batch_first=True)).eval(), None, goldens),
        "attention_64": (SelfAttention().eval(), None, goldens),
    }
