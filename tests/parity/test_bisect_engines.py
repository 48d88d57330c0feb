"""`ferry diff BUNDLE --engine X` names the layer in which a fault was planted, for engines that hide their layers, in both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import torchferry
from builders.faults import plant, six_layers
from builders.programs import BUILD, Program
from torchferry.errors import ExitCode
from torchferry.formats import registry

FERRY_RUN = BUILD / "bin" / "ferry-run"
SIDES = {"Python": (), "C++": ("--language", "cpp", "--ferry-run", FERRY_RUN)}


class Hidden(nn.Module):
    """Two layers: enough for a first one to be right and a second one to be wrong."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        right = six_layers()
        self.fc1, self.act, self.fc2 = right.fc1, nn.ReLU(), right.fc2
        self.fc2.weight.data *= factor

    def forward(self, x: Any) -> Any:
        return self.fc2(self.act(self.fc1(x)))


def test_every_engine_but_eager_shows_its_layers() -> None:
    """Eager is what the others are held to."""
    hidden = [row.engine for row in registry.FORMATS if row.probe is None]
    assert hidden == ["eager"]


@pytest.mark.slow
@pytest.mark.parametrize("to", ["c", "c-int8", "executorch", "aoti"])
def test_the_layer_named_is_the_planted_one(tmp_path: Path, ferry_here: Program, to: str) -> None:
    """One layer's weights are changed in the artifact; program, goldens and digests are right."""
    drawn = np.random.default_rng(4).uniform(-3, 3, size=(32, 8)).astype(np.float32)
    golden = np.stack([drawn, 0.99 * drawn], axis=1).reshape(64, 8)  # every second sample calibrates, and no byte saturates
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    form, _, scheme = to.partition("-")
    options = {"quantize": scheme} if scheme else {}
    torchferry.export(
        Hidden().eval(), inputs={"x": "float32[N,8]:-3..3"}, to=(form,), golden=golden, out=right, **options, note=lambda _: None
    )
    plant(right, Hidden(1.5), wrong)
    engine = next(row.engine for row in registry.FORMATS if row.name == to)
    for language, side in SIDES.items():
        found = {}
        for folder, code in ((right, ExitCode.OK), (wrong, ExitCode.MISMATCH)):
            done = ferry_here("diff", folder, "--engine", engine, "--allow-native", *side, "--json")
            assert done.code == code, f"{language}: {done.stderr}"
            found[folder] = json.loads(done.stdout)
        assert found[right]["first"] is None
        assert (found[wrong]["first"], language) == ("fc2", language)
        assert [entry["layer"] for entry in found[right]["layers"] if entry["seen"]][-1] == "fc2"
        assert (found[wrong]["built_again"] is not None) == (to in ("executorch", "aoti"))
