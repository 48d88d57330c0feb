"""Without a C compiler the definition of the C is held to the module in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

import torchferry
from torchferry.cgen import capture, elementary, ops
from torchferry.cgen.ir import Elementwise
from torchferry.cgen.lowering import unary
from torchferry.errors import ExitCode, FerryError

GRID = np.linspace(-2, 2, 24, dtype=np.float32).reshape(6, 4)


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent/cc")


def export(out: Path) -> list[str]:
    notes: list[str] = []
    torchferry.export(nn.Tanh().eval(), inputs={"x": "float32[N,4]"}, golden=GRID, to=("c",), out=out, note=notes.append)
    return notes


def test_a_right_definition_is_published_with_a_note(tmp_path: Path) -> None:
    assert any("definition in NumPy" in note for note in export(tmp_path / "b"))


def test_a_wrong_definition_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = Elementwise("tanh", "model_tanh({0})", lambda x: elementary.tanh(x) * np.float32(1.01), ("tanh",))
    table = {**ops.lowerings(), "aten.tanh.default": unary(wrong, "aten.tanh.default").lower}
    monkeypatch.setattr(capture, "lowerings", lambda: table)
    with pytest.raises(FerryError) as caught:
        export(tmp_path / "b")
    assert caught.value.code == ExitCode.MISMATCH
    assert list(tmp_path.iterdir()) == []
