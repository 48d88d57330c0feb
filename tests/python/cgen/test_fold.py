"""Folding: what disappears, what must stay, and that the numbers mean the same."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import Array, Subject, subject_of
from builders.networks import deep, image_net, normal, randomised, standardized
from torchferry.cgen import reference
from torchferry.cgen.ir import Map
from torchferry.cgen.ops.linear import Linear


def operators(subject: Subject) -> list[str]:
    return [node.function.name if isinstance(node, Map) else type(node).__name__ for node in subject.generated.graph.nodes]


def chain(module: nn.Module, samples: Array, name: str = "net") -> Subject:
    torch.manual_seed(0)
    return subject_of(module, (spec("x", str(samples.dtype), ("N", *samples.shape[1:])),), ("y",), {"x": samples}, name=name)


class Times(nn.Module):
    """scale x + shift."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.shift


def close(subject: Subject) -> bool:
    actual = reference.run(subject.generated.graph, subject.samples)[0]
    return bool(np.allclose(actual, subject.float64()["y"], rtol=2e-5, atol=2e-6))


def test_unit_scale_of_bytes_disappears_into_the_weights() -> None:
    subject = image_net(4, 4, 6, 3)
    assert operators(subject) == ["Linear", "sigmoid", "Linear", "Softmax", "Argmax"]
    assert subject.generated.graph.nodes[0].x is subject.generated.graph.inputs[0]


def test_standardize_keeps_the_subtraction_and_loses_the_division() -> None:
    subject = standardized()
    assert operators(subject) == ["sub", "Linear"]
    assert close(subject)


def test_eval_mode_batch_norm_and_dropout_disappear() -> None:
    assert operators(deep(depth=2)) == ["Linear", "leaky_relu"] * 2 + ["Linear"]


def test_a_batch_norm_with_large_means_before_a_linear_does_not_cancel() -> None:
    module = randomised(nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)), 0)
    module[0].running_mean += 1e4
    samples = normal(20, 6) + np.float32(1e4)
    subject = chain(module, samples)
    assert operators(subject) == ["sub", "Linear"]
    eager = subject.float32()["y"]
    exact = subject.float64()["y"]
    actual = reference.run(subject.generated.graph, subject.samples)[0]
    assert np.abs(actual - exact).max() <= 2 * np.abs(eager - exact).max()


def test_scale_and_shift_after_a_linear_fold_into_it() -> None:
    subject = chain(nn.Sequential(nn.Linear(5, 4), Times(3.0, -2.0)), normal(10, 5))
    assert operators(subject) == ["Linear"]
    assert close(subject)


def test_a_value_that_is_read_twice_is_not_folded() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(5, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.linear(x)
            return h * 2.0 + h.relu()

    subject = chain(Twice(), normal(10, 5))
    assert operators(subject) == ["Linear", "mul", "relu", "add"]
    assert close(subject)


def test_a_scale_that_would_leave_float32_is_not_folded() -> None:
    subject = chain(nn.Sequential(Times(1e-38, 0.0), nn.Linear(5, 4)), normal(10, 5))
    assert "mul" in operators(subject)
    assert close(subject)


def test_weights_that_would_leave_float32_are_not_folded() -> None:
    layer = nn.Linear(5, 4, bias=False)
    layer.weight.data *= 1e3
    subject = chain(nn.Sequential(layer, Times(1e38, 0.0)), normal(10, 5) * np.float32(1e-20))
    assert operators(subject) == ["Linear", "mul", "add"]
    assert close(subject)


def test_a_value_that_is_an_output_is_not_folded_away() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(5, 4)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            h = x * 2.0 + 1.0
            return h, self.linear(h)

    torch.manual_seed(0)
    subject = subject_of(Both(), (spec("x", shape=("N", 5)),), ("h", "y"), {"x": normal(10, 5)})
    assert operators(subject) == ["mul", "add", "Linear"]
    for actual, expected in zip(reference.run(subject.generated.graph, subject.samples), subject.float64().values(), strict=True):
        assert np.allclose(actual, expected, rtol=2e-5, atol=2e-6)


def test_a_zero_scale_is_not_folded_into_a_division_by_zero() -> None:
    subject = chain(nn.Sequential(Times(0.0, 3.0), nn.Linear(5, 4)), normal(10, 5))
    assert close(subject)


def test_a_linear_over_the_last_of_two_dims_folds_only_what_is_equal_in_every_row() -> None:
    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(6, 4)
            self.table = nn.Parameter(torch.rand(3, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x * 0.5) * self.table

    subject = chain(Rows(), normal(10, 3, 6))
    assert operators(subject) == ["Linear", "mul"]
    assert subject.generated.graph.nodes[0].rows == 3
    assert close(subject)


def test_dead_operators_disappear() -> None:
    class Dead(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.tanh(x)
            return x.relu()

    assert operators(chain(Dead(), normal(4, 5))) == ["relu"]


def test_constant_arithmetic_is_done_at_export() -> None:
    subject = chain(torch.nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)), normal(10, 5))
    assert [type(node) for node in subject.generated.graph.nodes] == [Linear]
    assert close(subject)
