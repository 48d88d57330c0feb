"""Certificates with a probability: no evaluation breaks them, their statistics are right, and decisions have none."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.contracts import contract, spec
from builders.functions import Of
from builders.spread import spread
from torchferry.bounds import probable
from torchferry.bounds.certified import certified_bounds
from torchferry.bounds.error_bound import NotCertifiedError
from torchferry.bounds.probable import PROBABILITY, least_share, probable_bounds
from torchferry.bounds.rounding_size import has_rule
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.engines import Session
from torchferry.intake.reference import Reference
from torchferry.intake.source import ExportSource


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).unsqueeze(1).chunk(3, -1)  # one head
        return x + self.out(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).squeeze(1))


class Last(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


def trained_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    norm.running_mean, norm.running_var = torch.randn(channels), torch.rand(channels) + 0.5
    return norm


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(4, 8, 5, stride=2, dilation=2), nn.GELU(), nn.AdaptiveAvgPool1d(1)), (4, 40)),
    "conv2d": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), trained_norm(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 5)),
        (3, 8, 8),
    ),
    "conv3d": (lambda: nn.Sequential(nn.Conv3d(2, 4, 3), nn.SiLU(), nn.AvgPool3d(2)), (2, 6, 6, 6)),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), nn.Sigmoid()), (4, 5, 5)),
    "depthwise": (lambda: nn.Sequential(nn.Conv2d(6, 6, 3, groups=6), nn.GroupNorm(2, 6), nn.Hardswish()), (6, 7, 7)),
    "attention": (Attention, (6, 8)),
    "lstm": (lambda: Last(nn.LSTM(5, 7, batch_first=True)), (9, 5)),
    "gru": (lambda: Last(nn.GRU(5, 7, batch_first=True)), (9, 5)),
    "resized": (lambda: nn.Upsample(size=(13, 9), mode="bilinear"), (3, 7, 5)),
    "resized by cubics": (lambda: nn.Upsample(size=(5, 17), mode="bicubic"), (3, 7, 11)),
    "picked": (lambda: nn.Sequential(nn.Upsample(scale_factor=3), nn.InstanceNorm2d(2)), (2, 5, 4)),
    "product": (lambda: Of(lambda x: x @ x.transpose(1, 2)), (6, 8)),
    "softmax": (lambda: nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(1)), (20,)),
}  # fmt: skip


def source_of(module: nn.Module, x: Array) -> tuple[ExportSource, Array]:
    with torch.inference_mode():
        y = module(torch.from_numpy(x.copy()))
    given = contract((spec("x", shape=("N", *x.shape[1:])),), (spec("y", shape=("N", *y.shape[1:])),))
    return ExportSource(module, given, {"x": x}), Reference(module, given).float64({"x": x})["y"]


@pytest.mark.parametrize("name", spread(MODULES, 2))
def test_no_engine_thread_count_or_batch_leaves_a_certificate(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    make, shape = MODULES[name]
    module, x = make().eval(), np.random.default_rng(2).normal(size=(6, *shape)).astype(np.float32)
    source, _ = source_of(module, x)
    bound = probable_bounds(source, {"x": x})["y"].value
    worst = certified_bounds(source.program, source.contract, {"x": x})["y"]
    bundle = torchferry.export(
        module,
        inputs={"x": f"float32[N,{','.join(map(str, shape))}]"},
        outputs=["y"],
        golden=x,
        stress=False,
        out=tmp_path / "b",
        note=lambda _: None,
    )
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    for engine, threads in product(("eager", "torchscript", "onnxruntime"), (1, 2)):
        session = Session(bundle, engine, threads=threads)
        single = [session.run({"x": x[row : row + 1]})["y"] for row in range(len(x))]
        for actual in (session.run({"x": x})["y"], np.concatenate(single)):
            assert np.abs(actual - case.float64["y"]).max() <= min(bound, worst), (engine, threads)


def test_no_order_of_a_sum_leaves_a_certificate_in_many_draws() -> None:
    """Long sums in float32, each in another order, against long double."""
    torch.manual_seed(0)
    module = nn.Linear(300, 16).eval()
    x = np.random.default_rng(3).normal(size=(8, 300)).astype(np.float32)
    source, _ = source_of(module, x)
    bound = probable_bounds(source, {"x": x})["y"].value
    weight, bias = module.weight.detach().numpy(), module.bias.detach().numpy()
    exact = x.astype(np.longdouble) @ weight.astype(np.longdouble).T + bias
    random = np.random.default_rng(4)
    for _ in range(200):
        order = random.permutation(300)
        products = x[:, None, order] * weight[None, :, order]
        assert np.abs(products.cumsum(axis=2, dtype=np.float32)[..., -1] + bias - exact).max() <= bound


@pytest.mark.parametrize(("draws", "delta"), [(32, 1e-12), (64, 1e-14), (256, 1e-13), (32, 0.5)])
def test_a_chi_squared_sum_is_rarely_below_its_least_share(draws: int, delta: float) -> None:
    """Chernoff's bound, beside the density of chi-squared integrated in steps."""
    x = np.linspace(0, draws * least_share(draws, delta), 200_001)[1:]
    density = np.exp((draws / 2 - 1) * np.log(x) - x / 2 - draws / 2 * math.log(2) - math.lgamma(draws / 2))
    below = float(density.sum() * (x[1] - x[0]))
    assert delta / 1000 < below <= delta


def test_the_bound_grows_with_the_number_of_elements_and_shrinks_with_that_of_draws() -> None:
    ones = np.ones((10,))
    many, few = probable._bound(np.full((1000,), 64.0), 64), probable._bound(64 * ones, 64)
    assert many.value > few.value
    assert many.deviations > few.deviations
    assert probable._bound(256 * ones, 256).value < probable._bound(64 * ones, 64).value
    assert probable._bound(256 * ones, 256).value > math.sqrt(2 * math.log(2 / PROBABILITY)), "many deviations, of 1 here"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: (x * 0.1 > 0).to(torch.float32), "operator gt decides by rounded numbers"),
        (lambda x: torch.floor(x * 0.1), "operator floor decides by rounded numbers"),
        (lambda x: x * (x * 0.1).argmax(1, keepdim=True), "operator argmax decides by rounded numbers"),
        (lambda x: x.gather(1, torch.sort(x * 0.1, 1)[1]), "operator getitem decides by rounded numbers"),
        (lambda x: torch.atan(x), "operator atan has no rule"),
        (lambda x: x.to(torch.bfloat16).to(torch.float32), "operator _to_copy has no rule"),
        (lambda x: torch.add(x, x, alpha=0.3), "operator add has no rule"),
    ],
)
def test_what_is_decided_or_has_no_rule_is_not_certified(function: Callable[[Tensor], Tensor], words: str) -> None:
    source, _ = source_of(Of(function).eval(), np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    with pytest.raises(NotCertifiedError, match=words):
        probable_bounds(source, {"x": source.examples["x"]})


def test_integers_that_float32_holds_are_exact() -> None:
    for largest, is_ruled in ((2**24, True), (2**24 + 1, False)):
        x = torch.tensor([0, -3, largest])
        assert has_rule(torch.ops.aten._to_copy.default, "_to_copy", (x,), {"dtype": torch.float64}) == is_ruled
    assert has_rule(torch.ops.aten._to_copy.default, "_to_copy", (torch.tensor([255], dtype=torch.uint8),), {})


def test_a_decision_by_exact_numbers_is_certified() -> None:
    source, _ = source_of(Of(lambda x: torch.where(x > 0, x, x * 0.1)).eval(), np.full((4, 3), -1.7, np.float32))
    assert probable_bounds(source, {"x": source.examples["x"]})["y"].value > 0


def test_what_bends_at_the_size_of_roundings_is_not_certified() -> None:
    """A square root beside 0 is not of first order."""
    x = np.full((4, 3), 0.3, np.float32)
    source, _ = source_of(Of(lambda x: torch.relu(x * 1.1 - x - x * 0.1).abs().sqrt()).eval(), x)
    assert "y" not in probable_bounds(source, {"x": x})


def test_a_module_that_takes_too_long_is_not_certified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probable, "MOST_WORK", 1e6)
    source, _ = source_of(nn.Linear(3, 2).eval(), np.ones((4, 3), np.float32))
    with pytest.raises(NotCertifiedError, match="multiply-adds a run are not waited for"):
        probable_bounds(source, {"x": source.examples["x"]})
