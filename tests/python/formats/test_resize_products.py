"""Resizing as products with constant matrices: the same pictures, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.spread import spread
from torchferry.bundle.contract import Contract
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.resize_products import with_products
from torchferry.intake.source import ExportSource
from torchferry.intake.specs import parse_inputs, parse_symbols
from torchferry.preprocess import Resize

RANDOM = np.random.default_rng(3)


def source(module: nn.Module, height: int, width: int) -> ExportSource:
    inputs = parse_inputs({"x": f"float32[N,2,{height},{width}]"})
    outputs = parse_inputs({"y": "float32[N,2,A,B]"})
    contract = Contract.model_construct(inputs=inputs, outputs=outputs, symbols=parse_symbols({}, inputs), classes=None)
    return ExportSource(module.eval(), contract, {"x": RANDOM.random((3, 2, height, width), np.float32)})


@pytest.mark.parametrize("size", spread([1, 7, 40, (3, 61), (90, 2)], 2), ids=str)
@pytest.mark.parametrize(("height", "width"), [(45, 61), (1, 9), (30, 30)])
def test_two_products_resize_as_torch_does(height: int, width: int, size: int | tuple[int, int]) -> None:
    given = source(nn.Sequential(Resize(size), Resize((5, 4))), height, width)
    program = with_products(given).program
    assert not [node for node in program.graph.nodes if node.op == "call_function" and "upsample" in str(node.target)]
    for batch in (1, 2, 5):
        x = torch.from_numpy(RANDOM.random((batch, 2, height, width), np.float32))
        assert (program.module()(x)[0] - given.module(x)).abs().max() < 2e-6


class Interpolation(nn.Module):
    """A user's own call of torch's function."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        self.options = options

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(x, mode="bilinear", antialias=True, **self.options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"size": (20, 33), "align_corners": True}, {"scale_factor": (0.37, 1.61)}], ids=str)
def test_corners_and_factors_of_other_resizes_are_kept(options: dict[str, object]) -> None:
    given = source(Interpolation(**options), 45, 61)
    x = torch.from_numpy(given.examples["x"])
    assert (with_products(given).program.module()(x)[0] - given.module(x)).abs().max() < 2e-6


def test_a_program_without_a_resize_is_left_alone() -> None:
    given = source(nn.ReLU(), 4, 5)
    assert with_products(given) is given


def test_pictures_of_free_sizes_are_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("executorch")
    symbols = {"H": (4, 40), "W": (4, 40)}
    with pytest.raises(FerryError) as caught:
        torchferry.export(
            Resize((6, 5)).eval(), inputs={"x": "float32[N,3,H,W]"}, symbols=symbols, to=["executorch"], out=tmp_path / "b"
        )
    assert caught.value.code == ExitCode.FORMAT
    assert str(caught.value).startswith("executorch: _upsample_bilinear2d_aa: got pictures of free sizes, expected fixed ones")
    assert list(tmp_path.iterdir()) == []
