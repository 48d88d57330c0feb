"""Three ways to the gradient agree, and gradients add up."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from torchferry.course.models.mlp import MLP
from torchferry.course.train.gradient import GRADIENTS, Gradient
from torchferry.course.train.loss import CROSS_ENTROPY, MEAN_SQUARED_ERROR, NET_INPUT_ERROR, SUMMED_SQUARED_ERROR, Loss
from torchferry.errors import ExitCode, FerryError

CLASSIFYING = [CROSS_ENTROPY, MEAN_SQUARED_ERROR, SUMMED_SQUARED_ERROR]


def gradients_of(way: Gradient, network: nn.Module, loss: Loss, weight: float = 1.0, times: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    features = torch.rand(32, 20, generator=generator, dtype=torch.float64)
    outputs = 1 if loss is NET_INPUT_ERROR else 10
    targets = torch.randint(0, max(outputs, 2), (32,), generator=generator)
    network.zero_grad()
    for _ in range(times):
        way(network, loss, features, targets, weight)
    return [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]


def assert_close(actual: list[torch.Tensor], expected: list[torch.Tensor], rtol: float) -> None:
    assert len(actual) == len(expected) > 0
    for left, right in zip(actual, expected, strict=True):
        assert float((left - right).norm() / right.norm()) <= rtol


@pytest.mark.parametrize("way", ["manual", "grad"])
@pytest.mark.parametrize("loss", CLASSIFYING, ids=lambda loss: loss.value.__name__)
def test_mlp_gradient_equals_autograd_in_float64(way: str, loss: Loss):
    torch.manual_seed(1)
    network = MLP(20, 15, 10).double()
    expected = gradients_of(GRADIENTS["autograd"], network, loss)
    assert_close(gradients_of(GRADIENTS[way], network, loss), expected, rtol=1e-12)


@pytest.mark.parametrize("way", ["manual", "grad"])
@pytest.mark.parametrize("loss", [*CLASSIFYING, NET_INPUT_ERROR], ids=lambda loss: loss.value.__name__)
def test_linear_gradient_equals_autograd_in_float64(way: str, loss: Loss):
    torch.manual_seed(1)
    network = nn.Linear(20, 1 if loss is NET_INPUT_ERROR else 10).double()
    expected = gradients_of(GRADIENTS["autograd"], network, loss)
    assert_close(gradients_of(GRADIENTS[way], network, loss), expected, rtol=1e-12)


@pytest.mark.parametrize("way", GRADIENTS)
def test_gradients_accumulate_until_zero_grad(way: str):
    network = MLP(20, 15, 10).double()
    once = gradients_of(GRADIENTS[way], network, CROSS_ENTROPY)
    twice = gradients_of(GRADIENTS[way], network, CROSS_ENTROPY, weight=0.5, times=2)
    assert_close(twice, once, rtol=1e-12)


@pytest.mark.parametrize("way", GRADIENTS)
def test_every_way_returns_the_loss(way: str):
    network = MLP(4, 3, 2)
    features, targets = torch.rand(5, 4), torch.tensor([0, 1, 0, 1, 1])
    value = GRADIENTS[way](network, CROSS_ENTROPY, features, targets, 0.25)
    assert not value.requires_grad
    assert torch.allclose(value, nn.functional.cross_entropy(network(features), targets))


def test_a_network_without_a_gradient_by_hand_is_refused():
    with pytest.raises(FerryError, match="not written out for Sequential") as caught:
        gradients_of(GRADIENTS["manual"], nn.Sequential(nn.Linear(20, 10)).double(), CROSS_ENTROPY)
    assert caught.value.code == ExitCode.USAGE
