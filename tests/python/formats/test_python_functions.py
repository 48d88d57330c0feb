"""Code that a compiled graph holds in another way: an autograd.Function, which no file can hold, and the graph inside an autocast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.errors import ExitCode, FerryError


class Straight(torch.autograd.Function):
    """The sign, with the slope of the identity."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:  # type: ignore[override]  # of one argument
        return torch.sign(x)

    @staticmethod
    def backward(_: Any, slope: Tensor) -> Tensor:  # type: ignore[override]  # as above
        return slope


class Binary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return Straight.apply(self.layer(x))  # type: ignore[no-any-return, no-untyped-call]  # of torch


def test_it_is_refused_in_one_line(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    with pytest.raises(FerryError, match="Python function call 'Straight'") as caught:
        torchferry.export(Binary().eval(), inputs={"x": x}, golden=x, out=tmp_path / "b", to=["torchscript"], note=str)
    assert caught.value.code == ExitCode.FORMAT
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "b").exists()


def test_autocast_to_bfloat16_is_carried_by_onnx_runtime(tmp_path: Path) -> None:
    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y: Tensor = self.layer(x)
            return y.float()

    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    bundle = torchferry.export(Cast().eval(), inputs={"x": x}, golden=x, out=tmp_path / "b", to=["onnx"], note=str)
    assert "unit roundoff 2^-8 in bfloat16" in bundle.manifest.tolerances[0].reason + bundle.manifest.tolerances[-1].reason
