"""A module that decides by a size: no artifact answers for sizes at which it goes another way than the module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from torchferry.errors import ExitCode, FerryError


class Layer(nn.Module):
    """`**_` keeps torch.jit.script away, so that TorchScript is a trace."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        return self.layer(x).mean(1)  # type: ignore[no-any-return]


class Cut(Layer):
    """Long inputs lose their start."""

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        return super().forward(x[:, -12:] if x.shape[1] > 12 else x)


class Even(Layer):
    """Has one way for even lengths."""

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        return super().forward(x * 2 if x.shape[1] % 2 else x)


class Bounded(Layer):
    """Takes no long inputs."""

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        if x.shape[1] > 12:
            raise ValueError("too long")
        return super().forward(x)


class Centred(nn.Module):
    """Mixes the samples of large batches only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y - y.mean(0) if x.shape[0] > 40 else y


def export(module: nn.Module, out: Path, length: int, **options: Any) -> tuple[torchferry.Bundle, list[str]]:
    golden = np.random.default_rng(0).normal(size=(8, length, 4)).astype(np.float32)
    notes: list[str] = []
    inputs = {"x": "float32[N,T,4]"}
    bundle = torchferry.export(
        module.eval(), inputs=inputs, golden=golden, out=out, to=["torchscript"], note=notes.append, **options
    )
    return bundle, notes


@pytest.mark.parametrize(("module", "length", "size"), [(Cut(), 9, 13), (Even(), 8, 9)])
def test_a_trace_that_goes_another_way_at_a_size_of_its_contract_is_refused(
    module: nn.Module, length: int, size: int, tmp_path: Path
) -> None:
    with pytest.raises(FerryError) as caught:
        export(module, tmp_path / "b", length, symbols={"T": (2, 64)})
    text = str(caught.value)
    assert caught.value.code == ExitCode.MISMATCH
    assert text.startswith(f"torchscript: T = {size}: ")
    assert "give T the limits of that, or leave torchscript out" in text
    assert list(tmp_path.iterdir()) == []


def test_within_the_limits_of_its_way_it_is_taken(tmp_path: Path) -> None:
    bundle, _ = export(Cut(), tmp_path / "b", 9, symbols={"T": (1, 12)})
    assert [artifact.format for artifact in bundle.manifest.artifacts] == ["export", "torchscript"]


def test_a_size_that_the_module_does_not_take_is_noted(tmp_path: Path) -> None:
    _, notes = export(Bounded(), tmp_path / "b", 9, symbols={"T": (1, 64)})
    assert any("does not take T = 13" in note and "too long" in note for note in notes)
    assert any("another way of the module beyond T at most 12" in note for note in notes)


def test_samples_that_are_mixed_in_large_batches_only_are_told(tmp_path: Path) -> None:
    golden = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    options = {"golden": golden, "out": tmp_path / "b", "to": ["torchscript"], "note": lambda _: None}
    bundle = torchferry.export(Centred().eval(), inputs={"x": "float32[N,4]"}, **options)  # type: ignore[arg-type]
    assert bundle.contract.samples == "batch"
