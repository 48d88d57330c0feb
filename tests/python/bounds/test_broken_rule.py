"""A rule of ours that fails costs the certificate, and whoever exports is told so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import torchferry
from builders.functions import Of
from torchferry.bounds import certified


def test_a_rule_that_breaks_down_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("a row that was forgotten")

    monkeypatch.setitem(certified.rules(), "tanh", broken)
    notes: list[str] = []
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    bundle = torchferry.export(
        Of(torch.tanh).eval(),
        inputs={"x": "float32[N,4]"},
        golden={"x": x},
        to=["export"],
        out=tmp_path / "b",
        stress=False,
        note=notes.append,
    )
    [told] = [note for note in notes if "tanh" in note]
    assert "the rule of tanh ended with KeyError" in told
    assert "the bound is an estimate" in told
    assert any("estimate" in row.reason for row in bundle.manifest.tolerances)
