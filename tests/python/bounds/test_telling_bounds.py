"""A certified bound that would pass any model is not written: deep chains get one with a probability, or an estimate, with the reason why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

import torchferry
from torchferry.bundle.golden import read_case
from torchferry.compare.telling import largest_bound


def deep(width: int = 128, depth: int = 6) -> nn.Module:
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(width, width), nn.Tanh())]
    return nn.Sequential(*layers, nn.Linear(width, 3)).eval()


def test_a_deep_chain_is_held_to_a_bound_that_a_wrong_model_breaks(tmp_path: Path) -> None:
    bundle = torchferry.export(
        deep(), inputs={"x": "float32[N,128]"}, outputs=["y"], to=["export"], out=tmp_path / "b", note=lambda _: None
    )
    row = bundle.manifest.tolerance(engine="eager", device="cpu", output="y", numerics="")
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    assert row is not None
    assert row.reason.startswith(f"at most {row.bound!r}: certified with probability 1 - 1e-09: ")
    assert np.abs(case.float32["y"] - case.float64["y"]).max() <= row.bound < largest_bound([case], "y") / 100


def test_a_certificate_of_many_terms_is_not_used_beyond_100_times_what_eager_is_off(tmp_path: Path) -> None:
    bundle = torchferry.export(
        deep(300, 1), inputs={"x": "float32[N,300]"}, outputs=["y"], to=["export"], out=tmp_path / "b", note=lambda _: None
    )
    row = bundle.manifest.tolerance(engine="eager", device="cpu", output="y", numerics="")
    assert row is not None
    assert "is more than 100 times what float32 eager is off" in row.reason


def test_a_shallow_chain_keeps_its_certificate(tmp_path: Path) -> None:
    bundle = torchferry.export(
        deep(16, 1), inputs={"x": "float32[N,16]"}, outputs=["y"], to=["export"], out=tmp_path / "b", note=lambda _: None
    )
    row = bundle.manifest.tolerance(engine="eager", device="cpu", output="y", numerics="")
    assert row is not None
    assert row.reason.startswith(f"at most {row.bound!r}: certified")
