"""What `torchferry.export` says of arguments of a wrong kind, before it computes or writes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.errors import ExitCode, FerryError

GOOD: dict[str, Any] = {"inputs": {"x": "float32[N,3]"}, "to": ["torchscript"]}


class Sparse(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.to_sparse()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs": ["float32[N,3]"]}, r"inputs: got list, expected a dictionary of names, e\.g\. \{'x': 'float32\[N,3\]'\}"),
        ({"inputs": {"x": 3}}, r"input x: got int, expected a spec, e\.g\. 'float32\[N,3\]', or an example array"),
        ({"inputs": {3: "float32[N,3]"}}, "inputs: got a name of int, expected a text"),
        (
            {"inputs": {"x": "float32[n,3]"}},
            "shape: got the size 'n', expected a number or a symbol, which begins with a capital",
        ),
        ({"outputs": "y"}, r"outputs: got the text 'y', expected a list, e\.g\. \['y'\]"),
        ({"allow_ops": "aten::add"}, r"allow_ops: got the text 'aten::add', expected a list"),
        ({"seed": -1}, "seed: got -1, expected a whole number, 0 or more"),
        ({"seed": "a"}, "seed: got 'a', expected a whole number"),
        ({"description": "\ud800"}, r"description: got '\\ud800', expected a text that UTF-8 can hold"),
        ({"metadata": {"a": "\ud800"}}, r"metadata 'a': got '\\ud800', expected a text that UTF-8 can hold"),
        ({"out": "a\0b"}, r"out: got 'a\\x00b', expected a path without a NUL"),
    ],
)
def test_a_wrong_kind_is_told_in_a_line(changed: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=said) as caught:
        torchferry.export(nn.Linear(3, 2).eval(), **{**GOOD, "out": tmp_path / "out", **changed})
    assert caught.value.code == ExitCode.USAGE
    str(caught.value).encode()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [nn.BatchNorm1d(3), {"x": nn.Sequential(nn.Dropout())}])
def test_a_preprocess_in_train_mode_is_refused(given: Any, tmp_path: Path) -> None:
    with pytest.raises(
        FerryError, match=r"preprocess: \w+: got train mode, expected eval mode: .*; call eval\(\) of it first"
    ) as caught:
        torchferry.export(nn.Linear(3, 2).eval(), **GOOD, preprocess=given, out=tmp_path / "out")
    assert caught.value.code == ExitCode.BAD_INPUT


def test_a_sparse_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"output 0: got a tensor of sparse_coo layout, .*; return it with \.to_dense\(\)"):
        torchferry.export(Sparse().eval(), **GOOD, out=tmp_path / "out")


def test_a_whole_number_of_numpy_is_a_seed(tmp_path: Path) -> None:
    torchferry.export(nn.Linear(3, 2).eval(), **GOOD, seed=torch.arange(3).numpy()[1], out=tmp_path / "out")
