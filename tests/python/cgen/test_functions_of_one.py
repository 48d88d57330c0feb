"""int8: a function that reads its one value more than once is a table of bytes, as one of a single operator is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from builders.contracts import spec
from builders.functions import Of
from builders.generated_c import load, quantized, same_bits, subject_of
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.ir import Map

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "hardswish": F.hardswish,
    "hardswish by hand": lambda x: x * F.relu6(x + 3) / 6,
    "mish": F.mish,
    "softplus": lambda x: F.softplus(x, beta=2.0),
    "swish by hand": lambda x: x * torch.sigmoid(x),
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "a square": lambda x: x * x,
    "a square and more": lambda x: x * x * 0.1 - x,
}


def network(function: Callable[[Tensor], Tensor]) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3), Of(function), nn.Conv2d(8, 4, 3), Of(function), nn.Flatten(), nn.Linear(64, 5)
    ).eval()


@pytest.mark.parametrize("name", spread(FUNCTIONS, 3))
def test_nothing_is_float32_between_products(name: str, tmp_path: Path) -> None:
    samples = {"x": normal(300, 2, 8, 8)}
    whole = subject_of(network(FUNCTIONS[name]), (spec("x", shape=("N", 2, 8, 8)),), ("y",), samples)
    subject = quantized(whole)
    assert [node for node in subject.generated.graph.nodes if isinstance(node, Map)] == []
    (made,), (exact,) = reference.run(subject.generated.graph, samples), reference.run(whole.generated.graph, samples)
    assert np.sqrt(np.mean((made - exact) ** 2)) <= 0.04 * np.sqrt(np.mean(exact**2))
    assert same_bits(load(subject, tmp_path, "gcc", "-O2").run(samples), {"y": made})


def test_where_it_stays_in_float32_it_is_near_eager(tmp_path: Path) -> None:
    """After the last product there are no bytes."""
    samples = {"x": normal(300, 2, 8, 8)}
    module = nn.Sequential(network(F.hardswish), Of(lambda x: x * torch.sigmoid(x)))
    subject = quantized(subject_of(module, (spec("x", shape=("N", 2, 8, 8)),), ("y",), samples))
    values = reference.run_all(subject.generated.graph, samples)
    last = subject.generated.graph.nodes[-1]
    assert isinstance(last, Map)
    (x,), made = last.inputs, values[last.output]
    assert np.abs(made - F.silu(torch.from_numpy(values[x]).double()).numpy()).max() <= 8 * 2.0**-24 * (1 + np.abs(made).max())
    assert same_bits(load(subject, tmp_path, "gcc", "-O2").run(samples), {"y": made})


def test_what_jumps_stays_in_float32() -> None:
    samples = {"x": normal(300, 2, 8, 8)}
    for function in (F.hardshrink, lambda x: torch.where(x > 0.3, x * 0.5, x - 1)):
        subject = quantized(subject_of(network(function), (spec("x", shape=("N", 2, 8, 8)),), ("y",), samples))
        assert [node.function.name for node in subject.generated.graph.nodes if isinstance(node, Map)].count("where") >= 2


def test_what_others_read_too_is_still_a_table(tmp_path: Path) -> None:
    class Gates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.a(x)
            gate = torch.sigmoid(y)
            return self.b(y * gate) + self.c(gate)

    torch.manual_seed(0)
    samples = {"x": normal(300, 2, 8, 8)}
    subject = quantized(subject_of(Gates().eval(), (spec("x", shape=("N", 2, 8, 8)),), ("y",), samples))
    kinds = [type(node).__name__ for node in subject.generated.graph.nodes]
    assert (kinds.count("ByteFunction"), kinds.count("Map")) == (2, 1)  # the sum of the last products is what is given out
    (made,) = reference.run(subject.generated.graph, samples)
    assert same_bits(load(subject, tmp_path, "gcc", "-O2").run(samples), {"y": made})


def test_a_sum_of_two_values_is_no_function_of_one(tmp_path: Path) -> None:
    samples = {"x": normal(300, 2, 8, 8)}
    torch.manual_seed(0)

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3), nn.Conv2d(4, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.c(F.hardswish(self.a(x)) + torch.relu(self.b(x)))

    subject = quantized(subject_of(Residual().eval(), (spec("x", shape=("N", 2, 8, 8)),), ("y",), samples))
    kinds = [type(node).__name__ for node in subject.generated.graph.nodes]
    assert "IntegerSum" in kinds
    (made,) = reference.run(subject.generated.graph, samples)
    assert same_bits(load(subject, tmp_path, "gcc", "-O2").run(samples), {"y": made})
