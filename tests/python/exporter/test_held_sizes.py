"""A module that decides by a size: no artifact answers for sizes at which it goes another way than the module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.contracts import contract, spec
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.held_sizes import batch_case
from torchferry.intake.reference import Reference
from torchferry.intake.source import ExportSource


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


class Rows(nn.Module):
    """Can be scripted."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


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


@pytest.mark.parametrize(("module", "runs"), [(Layer(), 0), (Cut(), 1), (torch.jit.script(Rows()), 1)])
def test_fewer_goldens_have_their_rows_of_all_where_the_module_has_one_way(module: nn.Module, runs: int) -> None:
    """A module that torch.export does not take may go another way for each size: it is asked again."""
    given = contract((spec("x", shape=("N", "T", 4)),), (spec("y", shape=("N", 4)),))
    rows = {"x": np.random.default_rng(0).normal(size=(8, 9, 4)).astype(np.float32)}
    reference = Counting(module.eval(), given)
    whole = reference.case("batch-8", rows)
    found = batch_case(ExportSource(module, given, rows), reference, whole, 3)
    assert reference.cases == 1 + runs
    assert found.name == "batch-3"
    for answers, all_answers in ((found.float32, whole.float32), (found.float64, whole.float64)):
        assert np.abs(answers["y"].astype(np.float64) - all_answers["y"][:3].astype(np.float64)).max() < 1e-6
    assert np.array_equal(found.inputs["x"], rows["x"][:3])


class Counting(Reference):
    """Counts the cases that it computes."""

    cases = 0

    def case(self, name: str, inputs: Mapping[str, Array]) -> CaseArrays:
        self.cases += 1
        return super().case(name, inputs)
