"""Three ways to the gradient: `loss.backward()`, `torch.autograd.grad`, and by hand (STAT 453, L6.4).

Each *adds* its gradient, times `weight`, to the parameters' `.grad`: gradients accumulate until `zero_grad()`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from torchferry.course.train.by_hand import add_gradient, by_hand
from torchferry.course.train.config import GradientName
from torchferry.course.train.loss import Loss

Gradient = Callable[[nn.Module, Loss, Tensor, Tensor, float], Tensor]
"""(network, loss, features, targets, weight) -> the loss of this minibatch, detached."""


def backward(network: nn.Module, loss: Loss, features: Tensor, targets: Tensor, weight: float) -> Tensor:
    """Let autograd go back through the graph that the forward pass of a minibatch [n, features] has recorded."""
    value = loss.value(network(features), targets)
    scaled = value if weight == 1 else weight * value
    scaled.backward()
    return value.detach()


def autograd_grad(network: nn.Module, loss: Loss, features: Tensor, targets: Tensor, weight: float) -> Tensor:
    """Ask autograd for the gradients of a minibatch [n, features] as values, and add them up ourselves."""
    parameters = list(network.parameters())
    value = loss.value(network(features), targets)
    for parameter, gradient in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
        add_gradient(parameter, weight * gradient)
    return value.detach()


GRADIENTS: dict[GradientName, Gradient] = {"autograd": backward, "grad": autograd_grad, "manual": by_hand}
