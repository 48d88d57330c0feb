"""Bounds of modules in float16 and bfloat16 hold eager, and a sum that is rounded at every step or a wrong weight leaves them."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from builders.contracts import contract, spec
from builders.functions import Between, Of
from torchferry.bounds.estimate import estimate
from torchferry.bounds.halves import UNITS, half_bounds, in_float64
from torchferry.bundle.contract import Array, Contract
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.halves import halves_in
from torchferry.intake.reference import Reference

HALVES = (torch.float16, torch.bfloat16)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 8), nn.Softmax(-1))


def images() -> nn.Module:
    inner = nn.Sequential(nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Hardswish())
    return nn.Sequential(inner, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 4))


def attention() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (4, 4)), nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.Flatten())


def masked(factor: float = 0.3, filled: float = 0.1) -> nn.Module:
    def fill(x: Tensor) -> Tensor:
        y = x * factor
        y[y < 0] = filled
        y[:, 1].mul_(3)
        return y + y.mean(1, keepdim=True)

    return Of(fill)


KINDS: dict[str, Callable[[], nn.Module]] = {"mlp": mlp, "images": images, "attention": attention, "masked": masked}
EXACT = {**KINDS, "masked": lambda: masked(0.25, 0.125)}  # numbers that float16 and bfloat16 hold


def subject(
    kind: str, dtype: torch.dtype, kinds: dict[str, Callable[[], nn.Module]] = KINDS
) -> tuple[nn.Module, Contract, Array]:
    torch.manual_seed(0)
    module = Between(kinds[kind](), dtype).eval()
    x = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    with torch.inference_mode():
        y = module(torch.from_numpy(x))
    return module, contract((spec("x", shape=("N", 16)),), (spec("y", shape=("N", *y.shape[1:])),)), x


def off(module: nn.Module, x: Array) -> float:
    """How far eager is from a copy in float64 that takes float64."""
    inner = copy.deepcopy(module.inner).double()  # type: ignore[operator, union-attr]  # a module
    with torch.inference_mode():
        return float((module(torch.from_numpy(x)).double() - inner(torch.from_numpy(x).double())).abs().max())


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_eager_keeps_a_bound_that_is_at_most_100_times_what_it_is_off(kind: str, dtype: torch.dtype) -> None:
    module, given, x = subject(kind, dtype)
    bound = half_bounds(module, given, {"x": x})["y"]
    assert 0 < off(module, x) <= bound <= 100 * off(module, x)
    for seed in range(200):
        rows = x[np.random.default_rng(seed).permutation(len(x))[: 1 + seed % len(x)]]
        assert off(module, rows) <= bound


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_run_beside_the_modules_own_is_that_of_its_copy_in_float64(kind: str, dtype: torch.dtype) -> None:
    module, given, x = subject(kind, dtype, EXACT)
    found = in_float64(module, given, {"x": x}, None)["y"]
    inner = copy.deepcopy(module.inner).double()  # type: ignore[operator, union-attr]  # a module
    with torch.inference_mode():
        expected = inner(torch.from_numpy(x).double()).numpy()
    assert np.abs(found - expected).max() <= 1e-12


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_a_product_whose_partial_sums_are_rounded_to_16_bits_leaves_the_bound(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4096, 4, bias=False)
    nn.init.uniform_(layer.weight, 0, 1 / 64)
    module = Between(layer, dtype).eval()
    x = np.random.default_rng(0).uniform(0, 1, (2, 4096)).astype(np.float32)
    bound = half_bounds(module, contract((spec("x", shape=("N", 4096)),), (spec("y", shape=("N", 4)),)), {"x": x})["y"]
    products = torch.from_numpy(x).to(dtype)[:, None, :] * layer.weight.to(dtype)
    total = torch.zeros(2, 4, dtype=dtype)
    for part in products.unbind(-1):
        total = total + part
    assert (total.double() - torch.from_numpy(x).double() @ layer.weight.double().T).abs().max() > 4 * bound
    assert off(module, x) <= bound


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_a_wrong_weight_leaves_the_bound(dtype: torch.dtype) -> None:
    module, given, x = subject("images", dtype)
    bound = half_bounds(module, given, {"x": x})["y"]
    before = module(torch.from_numpy(x))
    with torch.no_grad():
        module.inner[3].weight[0, 0] += 1  # type: ignore[index, union-attr]  # its last layer
    assert (module(torch.from_numpy(x)) - before).abs().max() > bound


def test_the_rounding_of_a_conversion_counts_in_its_own_precision() -> None:
    x = np.random.default_rng(0).uniform(1, 2, (8, 3)).astype(np.float32)
    given = contract((spec("x", shape=("N", 3)),), (spec("y", shape=("N", 3)),))
    for dtype in HALVES:
        found = half_bounds(Of(lambda x, dtype=dtype: x.to(dtype).float()).eval(), given, {"x": x})["y"]
        assert UNITS[dtype] <= found <= 8 * UNITS[dtype]


def test_half_precision_is_seen_wherever_it_occurs() -> None:
    x = {"x": np.ones((2, 3), dtype=np.float32)}
    assert halves_in(Of(lambda x: x * 2), x) == frozenset()
    assert halves_in(Of(lambda x: x.half().float() + x.bfloat16().float()), x) == frozenset(HALVES)


def test_a_module_that_computes_something_else_in_float64_is_refused() -> None:
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    module = Of(lambda x: x.half().float() * (3 if x.dtype == torch.float64 else 1)).eval()
    given = contract((spec("x", shape=("N", 3)),), (spec("y", shape=("N", 3)),))
    case = Reference(module, given).case("all", {"x": x})
    with pytest.raises(
        FerryError, match="which rounding does not explain; the module computes something else in float64"
    ) as caught:
        estimate(module, given, case, {"y": "of the test"})
    assert caught.value.code == ExitCode.MISMATCH


def test_the_reason_names_precision_and_unit_roundoff() -> None:
    module, given, x = subject("mlp", torch.bfloat16)
    found = estimate(module, given, Reference(module, given).case("all", {"x": x}), {"y": "of the test"})["y"]
    assert "unit roundoff 2^-8 in bfloat16" in found.reason
    assert "float32" not in found.reason


def test_fused_attention_is_rounded_inside_in_the_precision_of_its_arguments() -> None:
    """Its parts run in float32, where a draw would move nothing that bfloat16 can show."""
    given = contract((spec("x", shape=("N", 6, 4)),), (spec("y", shape=("N", 6, 4)),))
    x = np.random.default_rng(0).normal(size=(4, 6, 4)).astype(np.float32)
    attend = Of(lambda x: F.scaled_dot_product_attention(*(3 * [x.bfloat16()])).float()).eval()
    moved = half_bounds(attend, given, {"x": x})["y"]
    once = half_bounds(Of(lambda x: x.bfloat16().float()).eval(), given, {"x": x})["y"]
    assert moved > once / 2
