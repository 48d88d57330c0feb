"""Circular padding takes every batch in ExecuTorch, and pads as torch does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from builders.contracts import contract, spec
from torchferry.formats import executorch
from torchferry.formats.circular_pads import with_slices
from torchferry.intake.source import ExportSource

SHAPE = (3, 5, 6)


class Pads(nn.Module):
    """Pads, between two products."""

    def __init__(self, pads: tuple[int, ...]) -> None:
        super().__init__()
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x * 1.5, self.pads, mode="circular") * 0.5


def source_of(pads: tuple[int, ...], x: Tensor) -> ExportSource:
    module = Pads(pads).eval()
    given = contract((spec("x", shape=("N", *SHAPE)),), (spec("y", shape=("N", *module(x).shape[1:])),)).with_max_batch(8)
    return ExportSource(module, given, {"x": x[:2].numpy()})


@pytest.mark.parametrize("pads", [(2, 1, 0, 3), (6, 0, 0, 0), (1, 1, 5, 2)])
def test_slices_are_what_torch_pads_with(pads: tuple[int, ...]) -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, *SHAPE)).astype(np.float32))
    source = source_of(pads, x)
    made = with_slices(source)
    assert made is not source
    (found,) = made.module(x)  # of a traced module
    assert torch.equal(found, source.module(x))


@pytest.mark.parametrize("pads", [(-1, 2, 0, 0), (0, 1, -2, 1)])
def test_a_pad_that_cuts_stays_as_it_is(pads: tuple[int, ...]) -> None:
    x = torch.randn(4, *SHAPE)
    source = source_of(pads, x)
    assert torch.equal(with_slices(source).module(x), source.module(x))


def test_a_program_takes_every_batch(tmp_path: Path) -> None:
    loader = pytest.importorskip("executorch.extension.pybindings.portable_lib")
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(8, *SHAPE)).astype(np.float32))
    source = source_of((2, 1, 0, 3), x)
    executorch.export(source, tmp_path)
    method = loader._load_for_executorch(str(tmp_path / executorch.FILE))
    for count in (1, 2, 3, 8):
        assert torch.equal(method.forward((x[:count],))[0], source.module(x[:count]))
