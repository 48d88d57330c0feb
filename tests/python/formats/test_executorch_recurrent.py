"""A bidirectional recurrent layer, and a recurrent cell, keep their batch free in ExecuTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from torchferry.formats import executorch
from torchferry.intake.source import ExportSource


class BothWays(nn.Module):
    """A recurrent layer that reads forwards and backwards."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.layer = kind(7, 5, batch_first=True, bidirectional=True)  # type: ignore[arg-type]  # of its subclasses

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]  # type: ignore[no-any-return]  # of a module


class Cell(nn.Module):
    """One step of a recurrent cell, from zeros: as a stream calls it."""

    def __init__(self, kind: type[nn.RNNCellBase]) -> None:
        super().__init__()
        self.cell = kind(7, 10)  # type: ignore[call-arg]  # of its subclasses

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(x.shape[0], 10)
        found = [self.cell(x[:, step], (state, state) if isinstance(self.cell, nn.LSTMCell) else state) for step in range(3)]
        return torch.stack([item[0] if isinstance(item, tuple) else item for item in found], 1)


@pytest.mark.parametrize(
    "kind", [nn.GRUCell, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (nn.LSTMCell, nn.RNNCell))]
)
def test_a_cell_takes_every_batch(kind: type[nn.RNNCellBase], tmp_path: Path) -> None:
    check_every_batch(Cell(kind), tmp_path)


@pytest.mark.parametrize("kind", [nn.GRU, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (nn.LSTM, nn.RNN))])
def test_a_bidirectional_layer_takes_every_batch(kind: type[nn.RNNBase], tmp_path: Path) -> None:
    check_every_batch(BothWays(kind), tmp_path)


def check_every_batch(module: nn.Module, folder: Path) -> None:
    loader = pytest.importorskip("executorch.extension.pybindings.portable_lib")
    torch.manual_seed(0)
    module = module.eval()
    given = contract((spec("x", shape=("N", 3, 7)),), (spec("y", shape=("N", 3, 10)),)).with_max_batch(8)
    x = np.random.default_rng(0).normal(size=(8, 3, 7)).astype(np.float32)
    executorch.export(ExportSource(module, given, {"x": x[:2]}), folder)
    method = loader._load_for_executorch(str(folder / executorch.FILE))
    exact = module.double()(torch.from_numpy(x).double())
    for count in (1, 2, 3, 8):
        found = method.forward((torch.from_numpy(x[:count]),))[0]
        assert (found.double() - exact[:count]).abs().max() <= 1e-6
