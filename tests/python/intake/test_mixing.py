"""Samples that are mixed are told from samples that only round with the batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import contract, spec
from torchferry.bundle.contract import Array, Contract, SymbolRange
from torchferry.bundle.golden import CaseArrays
from torchferry.intake.mixing import mixing_evidence
from torchferry.intake.reference import Reference


class Function(nn.Module):
    """A module out of a function of one tensor."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self._function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._function(x)  # type: ignore[operator,no-any-return]


def evidence(module: nn.Module, given: Contract | None = None, goldens: Array | None = None) -> str | None:
    given = given or contract((spec("x", shape=("N", 6)),), (spec("y", shape=("N", 6)),))
    torch.manual_seed(0)
    rows = np.random.default_rng(1).normal(size=(16, 6)).astype(np.float32) if goldens is None else goldens
    reference = Reference(module.eval(), given)
    return mixing_evidence(reference.float64, given, reference.case("batch-16", {"x": rows}))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x / x.abs().max(),
        lambda x: x - x.mean(0),
        lambda x: x + x.flip(0),
        lambda x: x.cumsum(0),
        lambda x: torch.softmax(x, 0),
        lambda x: x * (x.abs().max() > 20) + x,  # only beside louder samples
        lambda x: x + 1e-7 * x.mean(0),  # less than float32 shows, and still no rounding
    ],
    ids=["maximum", "mean", "order", "running sum", "softmax", "threshold", "little"],
)
def test_a_module_that_mixes_samples_is_found(function: object) -> None:
    found = evidence(Function(function))
    assert found is not None
    assert found.startswith("output y: ")


class Deep(nn.Module):
    """Many products: other kernels for other batches round in another way."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.layers = nn.Sequential(*(part for _ in range(6) for part in (nn.Linear(6, 96), nn.Tanh(), nn.Linear(96, 6))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x) * 1e4
        return result


@pytest.mark.parametrize(
    "module",
    [
        Deep(),
        nn.LayerNorm(6),
        Function(lambda x: x / x.abs().amax(1, keepdim=True)),
        Function(lambda x: torch.where(x > 0, torch.nan, x)),
        Function(lambda x: torch.where(x > 0, torch.inf, x)),
    ],
    ids=["deep", "layer norm", "maximum of a sample", "nan", "infinity"],
)
def test_rounding_that_depends_on_the_batch_is_no_mixing(module: nn.Module) -> None:
    assert evidence(module) is None


def test_float32_rows_of_the_deep_network_do_depend_on_the_batch() -> None:
    """What the test before says of float64 would say nothing, if the batch changed no rounding."""
    rows = torch.randn(64, 6)
    module = Deep()
    with torch.inference_mode():
        assert not torch.equal(module(rows)[:1], module(rows[:1]))


def test_an_integer_output_that_depends_on_the_batch_is_found() -> None:
    given = contract((spec("x", shape=("N", 6)),), (spec("y", "int64", ("N",)),))
    assert evidence(Function(lambda x: (x.sum(1) > x.sum(1).mean()).long()), given) is not None
    assert evidence(Function(lambda x: x.argmax(1)), given) is None


def test_an_output_without_a_batch_is_independent_only_where_it_is_constant() -> None:
    given = contract((spec("x", shape=("N", 6)),), (spec("y", shape=(6,)),))
    assert "in the batch" in str(evidence(Function(lambda x: x.sum(0)), given))
    assert evidence(Function(lambda x: torch.ones_like(x[0])), given) is None


def test_batch_statistics_are_found_and_instance_statistics_are_not() -> None:
    given = contract((spec("x", shape=("N", 3, 4, 4)),), (spec("y", shape=("N", 3, 4, 4)),))
    images = np.random.default_rng(0).normal(size=(8, 3, 4, 4)).astype(np.float32)
    assert evidence(nn.BatchNorm2d(3, track_running_stats=False), given, images) is not None
    assert evidence(nn.InstanceNorm2d(3), given, images) is None


def test_the_smallest_batch_of_the_contract_is_kept() -> None:
    seen: list[int] = []

    def run(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        seen.append(len(inputs["x"]))
        return {"y": inputs["x"] - inputs["x"].mean(0)}

    given = contract((spec("x"),), (spec("y"),)).model_copy(update={"symbols": {"N": SymbolRange(min=3, max=None)}})
    rows = {"x": np.arange(16, dtype=np.float32).reshape(8, 2) ** 2}
    assert "in a batch of 3" in str(mixing_evidence(run, given, CaseArrays("batch-8", rows, run(rows), run(rows))))
    assert min(seen) == 3


def test_made_up_samples_that_the_module_does_not_take_are_passed_over() -> None:
    def forward(x: torch.Tensor) -> torch.Tensor:
        assert float(x.max()) < 100, "this is outside my domain"
        return x

    assert evidence(Function(forward), goldens=np.arange(96, dtype=np.float32).reshape(16, 6)) is None


def test_rounding_of_what_cancels_is_no_mixing() -> None:
    """An output that is what is left of larger numbers moves by all of it in float64, and float32 is far more off."""
    given = contract((spec("x", shape=("N", 2)),), (spec("y", shape=("N",)),))
    rows = {"x": np.arange(8, dtype=np.float32).reshape(4, 2)}

    def exact(inputs: Mapping[str, Array]) -> dict[str, Array]:
        return {"y": np.full(len(inputs["x"]), 1e-16 / len(inputs["x"]))}

    def rounded(off: float) -> Mapping[str, Array]:
        return {"y": np.full(4, off, np.float32)}

    assert mixing_evidence(exact, given, CaseArrays("batch-4", rows, rounded(1e-8), exact(rows))) is None
    assert "alone" in str(mixing_evidence(exact, given, CaseArrays("batch-4", rows, rounded(1e-12), exact(rows))))


def test_few_samples_are_held_to_what_they_are_among_all() -> None:
    """The goldens' own answers are not computed again, and a module that mixes from three samples on is found with two tried."""
    seen: list[int] = []

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        seen.append(len(inputs["x"]))
        return {"y": inputs["x"] + (1.0 if len(inputs["x"]) > 2 else 0.0)}

    given = contract((spec("x"),), (spec("y"),))
    rows = {"x": np.arange(16, dtype=np.float32).reshape(8, 2)}
    goldens = CaseArrays("batch-8", rows, run(rows), run(rows))
    seen.clear()
    assert "alone" in str(mixing_evidence(run, given, goldens, most=2))
    assert max(seen) <= 2
