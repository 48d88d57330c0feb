"""Draws beside each other have the bits of draws one after the other, whatever the module does; their work is counted beforehand."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from torchferry.bounds import choice, drawn_runs
from torchferry.bounds.drawn_runs import run_under, run_under_each
from torchferry.bounds.perturbation import Moves, Noise, Perturb
from torchferry.bounds.work import work_of
from torchferry.bundle.contract import Array, Contract
from torchferry.intake.reference import Reference
from torchferry.intake.source import ExportSource
from torchferry.intake.widen import double_of


class Keeps(nn.Module):
    """Keeps a value in itself between two lines of one call, as some real modules do."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(40, 300)
        self.second = nn.Linear(300, 40)

    def forward(self, x: Tensor) -> Tensor:
        self.kept = self.first(x)
        for _ in range(20):
            torch.tanh(torch.ones(50, 50) @ torch.ones(50, 50))  # time in which another draw would overwrite it
        return x + torch.as_tensor(self.second(torch.tanh(self.kept)))


def kinds(width: int = 40) -> Contract:
    return contract((spec("x", shape=("N", width)),), (spec("y", shape=("N", width)),))


def each(module: nn.Module, x: Array, *, work: float) -> list[Array]:
    double, moves = double_of(module), Moves()
    found: list[Array] = []
    run_under(double, kinds(), {"x": x}, Perturb(Noise(0), moves))  # the first is made alone
    modes = [Perturb(Noise(seed), moves) for seed in range(1, 9)]

    def take(outputs: Mapping[str, Array]) -> None:
        found.append(outputs["y"])

    run_under_each(double, kinds(), {"x": x}, modes, take, work=work, what="draw")
    return found


def test_draws_beside_each_other_have_the_bits_of_draws_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_runs, "_cores", lambda: 4)
    torch.manual_seed(0)
    module, x = Keeps().eval(), np.random.default_rng(1).normal(size=(8, 40)).astype(np.float32)
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    beside, in_turn = each(module, x, work=1e12), each(module, x, work=0.0)
    assert all(np.array_equal(a, b) for a, b in zip(beside, in_turn, strict=True))
    assert len({a.tobytes() for a in beside}) == len(beside)
    assert torch.get_default_dtype() == before
    torch.set_num_threads(threads)


def test_a_draw_that_fails_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_runs, "_cores", lambda: 2)

    calls: list[int] = []

    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            calls.append(len(x))
            time.sleep(0.05)
            raise ValueError(f"no such row in {list(x.shape)}")

    double, taken = double_of(Fails().eval()), []
    modes = [Perturb(Noise(seed), Moves()) for seed in range(40)]
    with pytest.raises(ValueError, match="no such row"):
        run_under_each(double, kinds(), {"x": np.ones((2, 40), np.float32)}, modes, taken.append, work=1e12, what="draw")
    assert not taken
    assert len(calls) < 20
    assert torch.get_default_dtype() == torch.float32


def test_work_is_that_of_the_products_and_grows_with_the_samples() -> None:
    module = nn.Linear(1000, 1000).eval()
    one, many = (work_of(module, kinds(1000), {"x": np.ones((count, 1000), np.float32)}) for count in (1, 10))
    assert 1.0e6 <= one.multiply_adds <= 1.2e6
    assert many.multiply_adds == pytest.approx(10 * one.multiply_adds)
    assert many.calls == one.calls


def test_a_module_that_takes_too_long_is_estimated_without_a_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    def walked(*_: object) -> None:
        raise AssertionError("the worst case was computed")

    monkeypatch.setattr("torchferry.bounds.probable.MOST_WORK", 1e6)
    monkeypatch.setattr(choice, "certified_bounds", walked)
    torch.manual_seed(0)
    module, x = nn.Linear(40, 40).eval(), np.random.default_rng(2).normal(size=(4, 40)).astype(np.float32)
    case = Reference(module, kinds()).case("batch-4", {"x": x})
    bound = choice.output_bounds(ExportSource(module, kinds(), {"x": x}), [case])["y"]
    assert bound.reason.startswith("estimated")
    assert "multiply-adds a run are not waited for" in bound.reason
