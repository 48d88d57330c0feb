"""Engines that compute in another way than float32 bring bounds of their own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torchferry.compare.tolerance import Bound
from torchferry.exporter import exporter
from torchferry.formats.registry import Format

_FLOAT = {"y": Bound(1e-6, "a bound of float32")}


def coarse(source: Any, cases: Any, bounds: Any) -> dict[str, Bound]:
    """What an outside format would give."""
    del source, cases
    return {name: Bound(1000 * one.value, "a coarser bound") for name, one in bounds.items()}


def row(quantizes: tuple[str, str] | None) -> Format:
    return Format(name="other", engine="other", exporter="other:export", own_bounds=f"{__name__}:coarse", quantizes=quantizes)


def test_bounds_of_an_outside_engine_need_no_calibration() -> None:
    source: Any = SimpleNamespace(quantization=None)
    assert exporter._own_bounds(source, [], _FLOAT, [row(None)]) == {"other": coarse(None, None, _FLOAT)}
    assert exporter._own_bounds(source, [], _FLOAT, [row(("c", "int8"))]) == {}
    calibrated: Any = SimpleNamespace(quantization="some samples")
    assert list(exporter._own_bounds(calibrated, [], _FLOAT, [row(("c", "int8"))])) == ["other"]
