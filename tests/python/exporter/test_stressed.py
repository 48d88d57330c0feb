"""The stress case of a bundle: its bounds hold on it and on the user's goldens, and it never ends an export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.programs import Program
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.stressed import MOST_WIDENED
from torchferry.formats import torchscript
from torchferry.intake.source import ExportSource, Written


class Net(nn.Module):
    """Two layers; the weights of the first have one sign, so that the ends of a range add up."""

    def __init__(self, after: Callable[[torch.Tensor], torch.Tensor] = torch.tanh) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(32, 16)
        self.first.weight.data.abs_()
        self.last = nn.Linear(16, 3)
        self.after = after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,32] -> [N,3]."""
        result: torch.Tensor = self.last(self.after(self.first(x)))
        return result


class Exponential(nn.Module):
    """What it is off by grows with its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,32] -> [N,32]."""
        return torch.exp(x)


class Valley(nn.Module):
    """What it is off by grows with the distance from 32.7, which is no end and no middle of a range."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,32] -> [N,32]."""
        return torch.exp((x - 32.7) ** 2)


class Picky(nn.Module):
    """Takes no constant sample."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,32] -> [N,32]."""
        torch._assert(((x - x[:, :1]) != 0).any(1).all(), "constant")
        return x * 2


GOLDEN = np.random.default_rng(3).uniform(0, 1, (16, 32)).astype(np.float32)


def export(out: Path, module: nn.Module, x: str = "float32[N,32]:0..1", **options: Any) -> tuple[Bundle, list[str]]:
    notes: list[str] = []
    options = {"to": ["torchscript"], "golden": {"x": GOLDEN}, **options}
    return torchferry.export(module.eval(), inputs={"x": x}, outputs=["y"], out=out, note=notes.append, **options), notes


def cases(bundle: Bundle) -> dict[str, CaseArrays]:
    return {case.name: read_case(bundle, case) for case in bundle.manifest.golden.cases}


def bound(bundle: Bundle) -> float:
    (found,) = {row.bound for row in bundle.manifest.tolerances if row.kind == "absolute"}
    return found


def test_the_case_is_labelled_and_comes_last(tmp_path: Path) -> None:
    bundle, notes = export(tmp_path / "y", Net())
    assert [(case.name, case.origin) for case in bundle.manifest.golden.cases] == [
        ("batch-16", "given"),
        ("batch-1", "given"),
        ("stress", "stress"),
    ]
    assert notes == []


def test_it_has_as_many_samples_as_the_goldens_and_the_same_promise_of_bits(tmp_path: Path) -> None:
    with_stress, _ = export(tmp_path / "y", Net())
    without, _ = export(tmp_path / "z", Net(), stress=False)
    assert len(cases(with_stress)["stress"].inputs["x"]) == 16
    bits = [[row for row in bundle.manifest.tolerances if row.kind == "bits"] for bundle in (with_stress, without)]
    assert len(bits[0]) == 2
    assert bits[0] == bits[1]


def test_that_of_a_large_module_stays_as_small_as_what_is_drawn_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same sample over and over tells nothing, and a large module takes long."""
    monkeypatch.setattr("torchferry.bounds.drawn_samples.MOST_WORK", 1.0)
    bundle, _ = export(tmp_path / "y", Net())
    assert len(cases(bundle)["stress"].inputs["x"]) == 1
    assert len([row for row in bundle.manifest.tolerances if row.kind == "bits"]) == 2


def test_both_languages_replay_it(program: Program, tmp_path: Path) -> None:
    bundle, _ = export(tmp_path / "y", Net())
    shown = program("verify", bundle.folder, "--engine", "torchscript")
    assert shown.code == 0
    assert b"stress" in shown.stdout


def test_a_user_may_leave_it_out(ferry_here: Program, tmp_path: Path) -> None:
    bundle, _ = export(tmp_path / "y", Net(), stress=False)
    assert list(cases(bundle)) == ["batch-16", "batch-1"]
    options = ("--input", "image=uint8[N,4,4]:0..255", "--to", "torchscript", "--out", tmp_path / "z", "--no-stress")
    assert ferry_here("export", "builders.models:Classifier", *options).code == 0
    assert "stress" not in (tmp_path / "z" / "manifest.json").read_text()


def test_a_bound_holds_for_every_order_of_every_sum_on_the_stress_case_too(tmp_path: Path) -> None:
    module = Net().eval()
    bundle, _ = export(tmp_path / "y", module)
    case = cases(bundle)["stress"]
    first, last = (layer.weight.detach().numpy() for layer in (module.first, module.last))
    random = np.random.default_rng(0)
    for _ in range(200):
        hidden = sums(case.inputs["x"], first, random.permutation(32)) + module.first.bias.detach().numpy()
        found = sums(np.tanh(hidden), last, random.permutation(16)) + module.last.bias.detach().numpy()
        assert found.dtype == np.float32
        assert np.abs(found.astype(np.float64) - case.float64["y"]).max() <= bound(bundle)


def sums(x: np.ndarray[Any, Any], weight: np.ndarray[Any, Any], order: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return x weight^T in float32, added up one after the other in this order."""
    found = np.zeros((len(x), len(weight)), np.float32)
    for index in order:
        found = found + x[:, index, None] * weight[None, :, index]
    return found


def test_a_bound_is_widened_by_a_stated_factor_at_most(tmp_path: Path) -> None:
    golden = {"x": GOLDEN / 4 + 0.375}
    with_stress, notes = export(tmp_path / "y", Net().first, golden=golden)
    without, _ = export(tmp_path / "z", Net().first, golden=golden, stress=False)
    assert not [note for note in notes if "no stress case" in note]
    assert bound(without) < bound(with_stress) <= MOST_WIDENED * bound(without)


def test_a_sample_that_would_widen_a_bound_by_more_is_left_out(tmp_path: Path) -> None:
    bundle, notes = export(tmp_path / "y", Exponential(), "float32[N,32]:-40..40")
    without, _ = export(tmp_path / "z", Exponential(), "float32[N,32]:-40..40", stress=False)
    assert notes == []
    found = cases(bundle)["stress"].inputs["x"]
    assert len(found) > 0
    assert found.max() < 3
    assert bound(bundle) <= MOST_WIDENED * bound(without)


def test_a_case_whose_every_sample_is_left_out_is_told(tmp_path: Path) -> None:
    bundle, notes = export(tmp_path / "y", Valley(), "float32[N,32]:31..39", golden={"x": np.float32(32.7) + GOLDEN / 8})
    assert list(cases(bundle)) == ["batch-16", "batch-1"]
    assert notes == ["the bundle has no stress case: float32 would be off there by more than 4 times the bounds of the goldens"]


def test_a_module_that_raises_on_it_is_exported_without_these_samples(tmp_path: Path) -> None:
    bundle, notes = export(tmp_path / "y", Picky())
    assert not [note for note in notes if "no stress case" in note]
    found = cases(bundle)["stress"].inputs["x"]
    assert (found.max(1) > found.min(1)).all()


class Folded(nn.Module):
    """An embedding of remainders."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,32] -> [N,96]."""
        result: torch.Tensor = self.table(x % 10).flatten(1)
        return result


def test_indices_reach_both_ends_of_their_table(tmp_path: Path) -> None:
    golden = {"x": np.arange(128).reshape(4, 32) % 4 + 3}
    bundle, _ = export(tmp_path / "y", nn.Sequential(nn.Embedding(10, 3), nn.Flatten()), "int64[N,32]", golden=golden)
    assert bundle.contract.inputs[0].range == (0, 9)
    assert {0, 9} <= set(cases(bundle)["stress"].inputs["x"].flatten())


def test_a_module_with_integers_only_is_exported_without_it_and_says_so(tmp_path: Path) -> None:
    golden = {"x": np.arange(64).reshape(2, 32) % 10}
    bundle, notes = export(tmp_path / "y", Folded(), "int64[N,32]", golden=golden)
    assert list(cases(bundle)) == ["batch-2", "batch-1"]
    assert notes == ["the bundle has no stress case: every input is a mask, or may be an index: an integer without a range"]


def test_a_bundle_with_int8_has_none(ferry_here: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (64, 4, 4), dtype=np.uint8))
    options = ("--input", "image=uint8[N,4,4]:0..255", "--golden", tmp_path / "x.npy", "--to", "c", "--quantize", "int8")
    done = ferry_here("export", "builders.models:Classifier", *options, "--out", tmp_path / "y")
    assert done.code == 0, done.stderr
    assert '"stress"' not in (tmp_path / "y" / "manifest.json").read_text()


def test_an_artifact_that_is_wrong_at_the_ends_of_a_range_only_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(source: ExportSource, folder: Path) -> Written:
        wrong = nn.Sequential(nn.Hardtanh(0.01, 0.99), source.module)
        torch.jit.save(torch.jit.trace(wrong, source.example_tensors), folder / "model.ts.pt")
        return Written(("model.ts.pt",), "a faulty exporter")

    golden = {"x": np.random.default_rng(3).uniform(0.02, 0.98, (16, 32)).astype(np.float32)}
    monkeypatch.setattr(torchscript, "export", write)
    export(tmp_path / "z", Net(), golden=golden, stress=False)
    with pytest.raises(FerryError, match="torchscript: stress: output y") as caught:
        export(tmp_path / "y", Net(), golden=golden)
    assert caught.value.code == ExitCode.MISMATCH
    assert "stress=False" in str(caught.value)
    assert not (tmp_path / "y").exists()
