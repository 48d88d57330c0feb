"""Estimates hold what honest rounding does, name the operator that leaves them, and refuse only what rounding cannot explain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import torchferry
from builders.contracts import contract, spec
from builders.functions import Of
from torchferry.bounds import estimate as estimating
from torchferry.bounds.drawn_samples import drawn_samples
from torchferry.bounds.estimate import MEASURED, estimate
from torchferry.bounds.progress import with_time_left
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.compare.tolerance import Bound
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter import exporter
from torchferry.intake.reference import Reference

IMAGES = np.random.default_rng(0).normal(size=(4, 3, 19, 23)).astype(np.float32)


def case_of(module: nn.Module, x: Array) -> tuple[torchferry.Contract, CaseArrays]:
    with torch.inference_mode():
        y = module(torch.from_numpy(x.copy()))
    given = contract((spec("x", shape=("N", *x.shape[1:])),), (spec("y", shape=("N", *y.shape[1:])),))
    return given, Reference(module, given).case("all", {"x": x})


def bound_of(function: Callable[..., Tensor] | nn.Module, x: Array = IMAGES) -> Bound:
    module = function.eval() if isinstance(function, nn.Module) else Of(function).eval()
    return estimate(module, *case_of(module, x), {"y": "of the test"})["y"]


@pytest.mark.parametrize("fill", [-1e4, -1e9, torch.finfo(torch.float32).min])
def test_what_a_mask_fills_in_does_not_widen_the_bound(fill: float) -> None:
    """float32 holds -1e9: it is no number that an engine rounds."""

    def masked(x: Tensor) -> Tensor:
        return (x * 1.1).masked_fill(x > 1, fill)

    bound = bound_of(masked)
    assert off_of(Of(masked), IMAGES) <= bound.value <= 1e-5, bound.reason
    rounded = bound_of(lambda x: (x * 1.1).masked_fill(x > 1, -0.1e9 - 0.3))
    assert rounded.value >= 1, "a number that float32 does not hold is off by its rounding"


def off_of(module: nn.Module, x: Array) -> float:
    _, case = case_of(module, x)
    return float(np.abs(case.float32["y"] - case.float64["y"]).max())


@pytest.mark.parametrize("size", [(37, 53), (7, 5), (101, 33)])
@pytest.mark.parametrize("options", [{}, {"antialias": True}, {"align_corners": True}], ids=["plain", "antialias", "corners"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_a_resize_to_an_odd_size_is_drawn_with_its_places_or_widened_by_name(
    mode: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    module = Of(lambda x: F.interpolate(x, size=size, mode=mode, **options)).eval()
    bound, off = bound_of(module), off_of(module, IMAGES)
    assert off <= bound.value <= max(100 * off, 1e-5)
    if options.get("antialias") and off > 5e-6:
        assert f"upsample_{mode}2d" in bound.reason
        assert "times as far off as its rule says, it is moved by" in bound.reason
    elif not options.get("antialias"):
        assert "it is moved by" not in bound.reason


def test_the_layer_of_the_operator_that_leaves_is_named() -> None:
    class Resizing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = Of(lambda x: F.interpolate(x, size=(37, 53), mode="bilinear", antialias=True))

        def forward(self, x: Tensor) -> Tensor:
            return self.up(x)

    module = Resizing()
    assert "operator _upsample_bilinear2d_aa of layer up alone is" in bound_of(module).reason
    assert not module.up._forward_hooks
    assert not module.up._forward_pre_hooks


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x * (1 if x.dtype == torch.float32 else 2), "calls operator mul with 1 in float32 and with 2 in float64"),
        (lambda x: x + 0.5 if x.dtype == torch.float32 else x * 0.5, "calls operator add in float32 and mul in float64"),
    ],
)
def test_a_module_that_computes_something_else_in_float64_is_refused(function: Callable[[Tensor], Tensor], words: str) -> None:
    with pytest.raises(FerryError, match=words) as caught:
        bound_of(function)
    assert caught.value.code == ExitCode.MISMATCH


def test_a_jump_between_two_answers_is_measured_and_not_refused() -> None:
    edge = np.nextafter(np.float32(0.3), np.float32(0)) * 10  # 3 in float32, below 3 in float64

    bound = bound_of(lambda x: torch.floor(x * 10) / 7, np.full((2, 3), edge / 10, np.float32))
    assert bound.value >= 0


@pytest.mark.parametrize("error", [MemoryError("no room"), RuntimeError("a kernel that is not there"), ValueError("shapes")])
def test_whatever_a_draw_raises_becomes_a_measured_bound_that_says_so(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(estimating, "estimated_bounds", fails)
    bound, off = bound_of(lambda x: x * 0.1), off_of(Of(lambda x: x * 0.1), IMAGES)
    assert MEASURED * off <= bound.value < 2 * MEASURED * off
    assert f"since of the test, and the draws ended with {type(error).__name__}: {error}" in bound.reason


def test_a_large_module_is_drawn_on_the_samples_that_eager_is_furthest_off_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchferry.bounds.drawn_samples.MOST_WORK", 200.0)
    x = np.full((6, 2), 1.0, np.float32)
    x[4] = 1234.567
    module = Of(lambda x: x * 0.1).eval()
    inputs, words = drawn_samples(module, *case_of(module, x))
    assert x[4, 0] in inputs["x"]
    assert len(inputs["x"]) < 6
    assert words.startswith(f"{len(inputs['x'])} of 6 samples, those that float32 eager is furthest off on")


def test_samples_that_depend_on_each_other_are_drawn_on_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchferry.bounds.drawn_samples.MOST_WORK", 1.0)
    module = Of(lambda x: x - x.mean(0)).eval()
    given, case = case_of(module, IMAGES)
    inputs, _ = drawn_samples(module, given.model_copy(update={"samples": "batch"}), case)
    assert len(inputs["x"]) == len(IMAGES)


def test_progress_says_how_much_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("torchferry.bounds.progress.time.monotonic", lambda: next(clock))
    said: list[str] = []
    assert list(with_time_left(range(4), "bounds: draw", said.append)) == [0, 1, 2, 3]
    assert said[-1] == "bounds: draw 3 of 4, about 13 s left"
    assert list(with_time_left(range(2), "bounds: draw", None)) == [0, 1]


# ---- exports ----------------------------------------------------------------------------------------------------------


def exported(function: Callable[..., Tensor], folder: Path, to: tuple[str, ...] = ("export",)) -> torchferry.Bundle:
    return torchferry.export(
        Of(function).eval(),
        inputs={"x": "float32[N,3]"},
        outputs=["y"],
        to=to,
        out=folder / "b",
        stress=False,
        note=lambda _: None,
    )


def test_a_format_that_cannot_express_the_module_is_refused_before_any_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("bounds were computed")

    monkeypatch.setattr(exporter, "output_bounds", never)
    with pytest.raises(FerryError, match=r"^c: ") as caught:
        exported(lambda x: torch.cumprod(x, 1), tmp_path, ("c",))
    assert caught.value.code == ExitCode.FORMAT
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "function",
    [lambda x: torch.exp(x * 0 + 89) * 1e-30, lambda x: 1 / (x * 0 + (1e-3 if x.dtype == torch.float32 else 0))],
    ids=["float64 only", "float32 only"],
)
def test_a_module_that_is_finite_in_one_precision_only_is_one_line(function: Callable[..., Tensor], tmp_path: Path) -> None:
    with pytest.raises(FerryError, match="expected a finite number") as caught:
        exported(function, tmp_path)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_large_inputs_have_few_goldens_and_the_bundle_says_why(tmp_path: Path) -> None:
    bundle = torchferry.export(
        Of(lambda x: x.mean((1, 2))).eval(),
        inputs={"x": "float32[N,512,512]"},
        outputs=["y"],
        to=["export"],
        out=tmp_path / "b",
        note=lambda _: None,
    )
    assert "4 samples and not 64" in bundle.manifest.golden.description
    assert bundle.manifest.golden.cases[0].name == "batch-4"
