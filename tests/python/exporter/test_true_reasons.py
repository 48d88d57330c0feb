"""Modules that fitted nothing, or were told something else: taken, with a note where that says more, or refused for their reason."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.errors import ExitCode, FerryError


class Cached(nn.Module):
    """Appends to a cache, or moves it on by one."""

    def __init__(self, *, grows: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.first = nn.Linear(4, 4), 0 if grows else 1

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """[N,1,4], [N,T,4] -> [N,4] and the cache."""
        keys = torch.cat([cache[:, self.first :], self.layer(x)], 1)
        return keys.mean(1), keys


class Picture(nn.Module):
    """Takes a dictionary."""

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """[N,4] -> [N,4]."""
        return batch["image"] * 2


class Rounding(nn.Module):
    """Rounds to a grid by torch's own function, of a tensor or of each channel."""

    def __init__(self, *, channels: bool) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("scale", torch.full((4,), 0.05))
        self.register_buffer("zero", torch.zeros(4, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        """[N,4] -> [N,4]."""
        if self.channels:
            return torch.fake_quantize_per_channel_affine(x, self.scale, self.zero, 1, -128, 127)
        return torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -128, 127)


class Slices(nn.Module):
    """Has weights that are parts of one memory."""

    def __init__(self) -> None:
        super().__init__()
        whole = torch.arange(8.0)
        self.register_buffer("left", whole[:4])
        self.register_buffer("right", whole[4:])

    def forward(self, x: Tensor) -> Tensor:
        """[N,4] -> [N,4]."""
        return x * self.left + self.right


def exported(module: nn.Module, inputs: Mapping[str, str], out: Path, *to: str, **options: Any) -> tuple[Any, list[str]]:
    notes: list[str] = []
    return torchferry.export(module.eval(), inputs=inputs, out=out, to=to, note=notes.append, **options), notes


def refused(module: nn.Module, inputs: Mapping[str, str], out: Path, *to: str) -> str:
    with pytest.raises(FerryError) as caught:
        exported(module, inputs, out, *to)
    assert caught.value.code in (ExitCode.BAD_INPUT, ExitCode.FORMAT)
    assert not out.exists()
    return str(caught.value)


def test_a_cache_that_grows_is_called_that_and_one_that_moves_on_is_a_state(tmp_path: Path) -> None:
    inputs = {"x": "float32[N,1,4]", "cache": "float32[N,T,4]"}
    text = refused(Cached(grows=True), inputs, tmp_path / "b", "torchscript")
    assert "dim 1: got T + 1, expected a constant or one symbol: a cache that grows has another size in each call" in text
    options = {"outputs": ["y", "kept"], "state": {"cache": "kept"}}
    bundle, _ = exported(Cached(grows=False), {**inputs, "cache": "float32[N,5,4]"}, tmp_path / "b", "torchscript", **options)
    assert bundle.contract.state == {"cache": "kept"}


def test_an_input_that_is_called_otherwise_is_noted(tmp_path: Path) -> None:
    bundle, notes = exported(Picture(), {"batch.image": "float32[N,4]"}, tmp_path / "b", "onnx")
    assert [spec.name for spec in bundle.contract.inputs] == ["batch_image"]
    assert "input batch.image is called batch_image, in the contract, files and sessions" in notes


def test_rounding_to_a_grid_only_computes_and_is_none_of_torch_export(tmp_path: Path) -> None:
    bundle, notes = exported(Rounding(channels=False), {"x": "float32[N,4]"}, tmp_path / "b", "torchscript", "onnx")
    assert [artifact.engine for artifact in bundle.manifest.artifacts] == ["onnxruntime", "torchscript"]
    text = refused(Rounding(channels=False), {"x": "float32[N,4]"}, tmp_path / "c", "executorch")
    for said in (text, *(note for note in notes if "no export artifact" in note)):
        assert "got torch.fake_quantize_per_tensor_affine at " in said
        assert "which torch.export has no form of" in said


def test_what_has_no_answer_in_float64_is_told_so(tmp_path: Path) -> None:
    text = refused(Rounding(channels=True), {"x": "float32[N,4]"}, tmp_path / "b", "torchscript")
    assert text.startswith("module: batch-64 in float64: got RuntimeError: ")
    assert "the reference is a copy of the module in float64" in text


def test_torch_says_nothing_of_its_own_insides(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exported(Slices(), {"x": "float32[N,4]"}, tmp_path / "b", "torchscript", "onnx")
    assert [str(item.message) for item in caught if "deprecated" not in str(item.message)] == []
    assert capfd.readouterr().err == ""
