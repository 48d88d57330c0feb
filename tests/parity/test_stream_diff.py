"""`ferry diff BUNDLE --engine X` carries the state in the engine and in the reference, and names the first step and layer that differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.faults import plant
from builders.programs import BUILD, Program
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode
from torchferry.proof.diff_layers import Eager, LayersDiff, diff_layers
from torchferry.proof.where import Where
from torchferry.report.bisect import layers_json, layers_lines

SIDES = {"Python": (), "C++": ("--language", "cpp", "--ferry-run", BUILD / "bin" / "ferry-run")}


class Meter(nn.Module):
    """Adds up samples [N,3] and forgets half of them, limited; single calls begin near 0 and never reach the limit."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.limit, self.out = nn.Hardtanh(-limit, limit), nn.Linear(3, 3)

    def forward(self, sample: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        total = self.limit(0.5 * total + 0.1 * sample)
        return self.out(total), total


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A right bundle, and one whose artifacts have a lower limit, which the second step of the stream is the first to reach."""
    right, wrong = (tmp_path_factory.mktemp("meters") / name for name in ("right", "wrong"))
    draw = np.random.default_rng(2)
    golden = {
        "sample": draw.uniform(0.9, 1, (16, 3)).astype(np.float32),
        "total": draw.uniform(-0.01, 0.01, (16, 3)).astype(np.float32),
    }
    torchferry.export(
        Meter(9).eval(),
        inputs={"sample": "float32[N,3]:-1..1", "total": "float32[N,3]:-0.01..0.01"},
        outputs=["y", "sum"],
        state={"total": "sum"},
        golden=golden,
        to=["torchscript", "onnx", "c"],
        out=right,
        note=lambda _: None,
    )
    plant(right, Meter(0.12), wrong)
    return right, wrong


@pytest.mark.parametrize(
    "engine", ["onnxruntime", pytest.param("torchscript", marks=pytest.mark.slow), pytest.param("c", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("side", SIDES)
def test_the_first_step_and_its_layer_are_named(folders: tuple[Path, Path], ferry_here: Program, engine: str, side: str) -> None:
    words = ("--engine", engine, "--allow-native", *SIDES[side], "--json")
    found = []
    for folder, code in zip(folders, (ExitCode.OK, ExitCode.MISMATCH), strict=True):
        done = ferry_here("diff", folder, *words)
        assert done.code == code, done.stderr
        found.append(json.loads(done.stdout))
    right, wrong = found
    assert (right["same"], right["stream"]["first"], len(right["stream"]["steps"])) == (True, None, 8)
    assert (wrong["same"], wrong["stream"]["first"]) == (False, "stream-8-step-2")
    assert (wrong["case"], wrong["first"].partition(":")[0]) == ("stream-8-step-2", "limit")


class Forgetful:
    """A session that takes what it said itself for no state at all."""

    def __init__(self, session: torchferry.Session) -> None:
        self._session, self._said, self.numerics = session, set[bytes](), session.numerics

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        outputs = self._session.run({n: np.zeros_like(a) if a.tobytes() in self._said else a for n, a in inputs.items()})
        self._said.add(outputs["sum"].tobytes())
        return outputs


def diff(folder: Path) -> LayersDiff:
    return diff_layers(open_bundle(folder), "onnxruntime", Where(), Eager())


def test_what_is_wrong_with_the_state_only_is_told_so(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Any = Where.open
    monkeypatch.setattr(Where, "open", lambda *given: Forgetful(opened(*given)))
    found = diff(folders[0])
    assert not found.is_same
    assert layers_json(open_bundle(folders[0]), found)["same"] is False
    line = layers_lines(open_bundle(folders[0]), found)[-1]
    assert line.startswith("FIRST DIFFERENCE in stream-8-step-2: output y: at [")
    assert line.endswith("what is wrong comes with the state that the engine was left with (total = sum)")


def test_a_stream_that_is_right_is_told_and_a_bundle_without_state_has_none(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert (
        layers_lines(open_bundle(folders[0]), diff(folders[0]))[-1] == "SAME in 8 steps of a stream, each side with its own state"
    )
    torchferry.export(
        nn.Sequential(nn.Linear(3, 2)).eval(), inputs={"x": "float32[N,3]"}, to=["onnx"], out=tmp_path / "b", note=lambda _: None
    )
    assert diff(tmp_path / "b").stream is None
