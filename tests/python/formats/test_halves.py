"""Formats of modules in half precision: sums stay in float32, and the answers are within one rounding of float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import torchferry
from builders.contracts import contract, spec
from builders.functions import Between
from torchferry.bundle.contract import Array
from torchferry.errors import FerryError
from torchferry.formats import executorch, onnx
from torchferry.formats.halves import require_wide_sums, with_wide_sums, without_bfloat16
from torchferry.intake.source import ExportSource

UNITS = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
ALIKE = 4096
"""So many equal products: a sum that is rounded at every step stays behind."""


def linear() -> nn.Module:
    return nn.Linear(ALIKE, 2, bias=False)


def convolution() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (64, 64)), nn.Conv1d(64, 2, 64, bias=False), nn.Flatten())


def pooling() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 64, 64)), nn.AvgPool2d(64), nn.Flatten())


def norm() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 64, 64)), nn.BatchNorm2d(1), nn.AvgPool2d(64), nn.Flatten())


KINDS = {kind.__name__: kind for kind in (linear, convolution, pooling, norm)}
QUICK = {("linear", torch.bfloat16), ("convolution", torch.float16)}
PAIRS = [pytest.param(kind, dtype, marks=[pytest.mark.slow] * ((kind, dtype) not in QUICK)) for kind in KINDS for dtype in UNITS]


def source(kind: Callable[[], nn.Module], dtype: torch.dtype) -> tuple[ExportSource, Array, float]:
    inner = kind()
    with torch.no_grad():
        for weight in inner.parameters():
            weight.fill_(1)
    module = Between(inner, dtype).eval()
    x = np.full((2, ALIKE), 0.5, dtype=np.float32)
    with torch.inference_mode():
        y = module(torch.from_numpy(x))
    given = contract((spec("x", shape=("N", ALIKE)),), (spec("y", shape=("N", *y.shape[1:])),)).with_max_batch(8)
    return ExportSource(module, given, {"x": x}), x, {linear: 2048.0, convolution: 2048.0, pooling: 0.5, norm: 1.5}[kind]


@pytest.mark.parametrize(("kind", "dtype"), PAIRS)
def test_executorch_adds_in_float32(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    loader = pytest.importorskip("executorch.extension.pybindings.portable_lib")
    made, x, expected = source(KINDS[kind], dtype)
    executorch.export(made, tmp_path)
    found = loader._load_for_executorch(str(tmp_path / executorch.FILE)).forward((torch.from_numpy(x),))[0]
    assert torch.allclose(found, torch.full_like(found, expected), rtol=UNITS[dtype], atol=0)


@pytest.mark.parametrize(("kind", "dtype"), PAIRS)
def test_onnx_runtime_adds_in_float32(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    made, x, expected = source(KINDS[kind], dtype)
    onnx.export(made, tmp_path)
    found = onnxruntime.InferenceSession(str(tmp_path / onnx.FILE)).run(None, {"x": x})[0]
    assert np.allclose(found, expected, rtol=UNITS[dtype], atol=0)


def test_a_program_in_float32_stays_as_it_is() -> None:
    made = source(linear, torch.float32)[0]
    assert with_wide_sums(made.program) is made.program
    assert without_bfloat16(made.program) is made.program


def test_a_sum_in_half_precision_that_is_left_is_refused() -> None:
    with pytest.raises(FerryError, match=r"operator linear: got it in bfloat16, expected float32: .* rounds every partial sum"):
        require_wide_sums(source(linear, torch.bfloat16)[0].program)


def test_weights_are_given_as_float32(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    module = nn.Linear(8, 2).bfloat16().eval()
    bundle = torchferry.export(module, inputs={"x": x}, golden=x, out=tmp_path / "b", to=["torchscript", "onnx"], note=str)
    for artifact in bundle.manifest.artifacts:
        found = torchferry.formats.weights.read_weights(bundle, artifact)  # type: ignore[attr-defined]
        assert found is not None
        assert all(array.dtype == np.float32 for array in found.values())


@pytest.mark.parametrize("dtype", UNITS, ids=str)
def test_c_refuses_half_precision_and_says_what_to_do(dtype: torch.dtype, tmp_path: Path) -> None:
    with pytest.raises(FerryError, match=r"expected float32, in which C computes: call module\.float"):
        torchferry.export(nn.Linear(8, 2).to(dtype).eval(), inputs={"x": "float32[N,8]"}, out=tmp_path / "b", to=["c"], note=str)


@pytest.mark.slow
def test_all_formats_but_c_carry_it(tmp_path: Path) -> None:
    notes: list[str] = []
    module = nn.Linear(8, 2).bfloat16().eval()
    bundle = torchferry.export(module, inputs={"x": "float32[N,8]"}, out=tmp_path / "b", to=["all"], note=notes.append)
    assert [artifact.format for artifact in bundle.manifest.artifacts] == ["aoti", "executorch", "export", "onnx", "torchscript"]
    assert [note for note in notes if "the bundle has no" in note and "expected float32, in which C computes" in note]
