"""Variances by derivatives: those that draws of many normal numbers find, and those of pencil and paper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from builders.functions import Of
from builders.spread import spread
from torchferry.bounds.adjoint import NoDerivativeError, is_affordable, variances
from torchferry.bounds.drawn_runs import run_under
from torchferry.bounds.error_bound import NotCertifiedError
from torchferry.bounds.perturbation import Moves
from torchferry.bounds.probable import NormalNoise, _Ruled, probable_bounds
from torchferry.bounds.rounding import UNIT
from torchferry.bounds.work import Work
from torchferry.bundle.contract import Array, Contract
from torchferry.errors import FerryError
from torchferry.intake.source import ExportSource
from torchferry.intake.widen import double_of


class Shown(nn.Module):
    """What a recurrent layer shows, or the state of a cell."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.last = layer, nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layer(x[:, 0], x[:, 1])[0] if isinstance(self.layer, nn.LSTMCell) else self.layer(x)[0])


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(nn.functional.scaled_dot_product_attention(x, 0.7 * x, x, is_causal=True))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "layers": lambda: nn.Sequential(nn.Flatten(), nn.Linear(24, 12), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 4), nn.LogSoftmax(1)),
    "convolution": lambda: nn.Sequential(nn.Conv1d(4, 5, 3), nn.BatchNorm1d(5), nn.ReLU(inplace=True), nn.AvgPool1d(2), nn.Softplus()),
    "recurrent": lambda: Shown(nn.GRU(6, 6, batch_first=True)),
    "masked": Masked,
    "resized": lambda: Of(lambda x: nn.functional.interpolate(x, size=7, mode="linear")),
    "weight_norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 3)), nn.PReLU()),
}  # fmt: skip


def subject(module: nn.Module, x: Array) -> tuple[nn.Module, Contract, dict[str, Array]]:
    with torch.no_grad():
        y = module(torch.from_numpy(x.copy()))
    kinds = contract((spec("x", shape=("N", *x.shape[1:])),), (spec("y", shape=("N", *y.shape[1:])),))
    double = double_of(module)
    centre = run_under(double, kinds, {"x": x}, _Ruled(NormalNoise(0, 0.0), Moves()))
    return double, kinds, {"y": np.asarray(centre["y"])}


@pytest.mark.parametrize("name", spread(MODULES, 2))
def test_derivatives_give_the_variance_that_draws_have(name: str) -> None:
    torch.manual_seed(2)
    x = np.random.default_rng(1).normal(size=(3, 4, 6)).astype(np.float32)
    double, kinds, centre = subject(MODULES[name]().eval(), x)
    found = variances(double, kinds, {"x": x}, _Ruled, centre)["y"]
    draws, squares, moves = 400, np.zeros(found.shape), Moves()
    for seed in range(draws):
        moved = run_under(double, kinds, {"x": x}, _Ruled(NormalNoise(seed + 1), moves))["y"]
        squares += (moved - centre["y"]) ** 2
    share = squares / draws / found
    assert 0.9 < share.mean() < 1.1
    assert share.min() > 0.6, "a deviation of 400 squares is 0.07"
    assert share.max() < 1.5


def test_a_variance_is_what_pencil_and_paper_give() -> None:
    """(1.1 x + x)^2 / 3: the constant and the product, the sum, the square and the quotient round, by sizes of 2, 1, 2 and 2 u."""
    x = np.array([[1.5]], np.float32)
    double, kinds, centre = subject(Of(lambda x: (x * 1.1 + x) * (x * 1.1 + x) / 3).eval(), x)
    found = variances(double, kinds, {"x": x}, _Ruled, centre)["y"][0, 0]
    product, total = 1.65, 3.15
    each = [2 * total * 2 * product / 3 / np.sqrt(2)] * 1 + [2 * total * total / 3 / np.sqrt(2)] + [2 * total**2 / 3] * 2
    assert found == pytest.approx(UNIT**2 * sum(size**2 for size in each), rel=1e-6)


def test_a_view_of_what_is_overwritten_has_no_derivative() -> None:
    """What the derived run gives must be what the module gives."""

    def through_a_view(x: Tensor) -> Tensor:
        y = x * 1.1
        first = y[:, :1]
        y.mul_(3.0)
        return first

    x = np.array([[1.0, 2.0], [-1.0, 3.0]], np.float32)
    double, kinds, centre = subject(Of(through_a_view).eval(), x)
    with pytest.raises(NoDerivativeError):
        variances(double, kinds, {"x": x}, _Ruled, centre)


def test_many_outputs_are_drawn_and_few_are_derived() -> None:
    x = np.random.default_rng(1).normal(size=(3, 4, 6)).astype(np.float32)
    for module, is_derived in ((nn.Linear(6, 2), True), (nn.Linear(6, 60), False)):
        _, kinds, centre = subject(module.eval(), x)
        found = probable_bounds(ExportSource(module, kinds, {"x": x}), {"x": x})["y"]
        assert (found.draws == 0) == is_derived
        assert is_affordable(kinds, centre, Work(0.0, 1), 1e12) == is_derived


class Rounds(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.floor(x * 0.1)


def not_converted(*_: object) -> nn.Module:
    raise RuntimeError("TS2EPConverter failed for node prim::If")


def test_a_script_is_certified_and_one_that_decides_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a program, as of TorchScript that torch's converter does not take, what decides is looked for while the module runs."""
    x = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    for module in (nn.Linear(6, 2), Rounds()):
        _, kinds, _ = subject(module.eval(), x)
        source = ExportSource(torch.jit.script(module), kinds, {"x": x})
        monkeypatch.setattr("torchferry.intake.source.as_exportable", not_converted)
        with pytest.raises(FerryError):
            _ = source.program
        if isinstance(module, nn.Linear):
            assert probable_bounds(source, {"x": x})["y"].value > 0
        else:
            with pytest.raises((NotCertifiedError, RuntimeError)):  # the interpreter of TorchScript wraps what is raised in it
                probable_bounds(source, {"x": x})
