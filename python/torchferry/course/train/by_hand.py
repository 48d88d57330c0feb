"""Training without autograd: the chain rule and the step, written out (STAT 453, L6.4 and L9.3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from torchferry.course.models.mlp import MLP
from torchferry.course.train.loss import Loss
from torchferry.errors import ExitCode, FerryError


@torch.no_grad()
def by_hand(network: nn.Module, loss: Loss, features: Tensor, targets: Tensor, weight: float) -> Tensor:
    """Add `weight` times the gradient of a minibatch [n, features] to each `.grad`, for a linear neuron and for an MLP with one hidden layer.

    Returns the loss of this minibatch, []. Raises FerryError(USAGE) for another network.
    """
    if isinstance(network, nn.Linear):
        value, delta = loss.by_hand(network(features), targets)  # [n, k]
        _linear(network, features, weight * delta)
        return value
    if isinstance(network, MLP):
        hidden = torch.sigmoid(network.hidden(features))  # [n, h]
        value, delta_out = loss.by_hand(network.output(hidden), targets)  # [n, k]
        delta_out = weight * delta_out
        delta_hidden = delta_out @ network.output.weight * hidden * (1 - hidden)  # [n, h]
        _linear(network.output, hidden, delta_out)
        _linear(network.hidden, features, delta_hidden)
        return value
    raise FerryError(
        ExitCode.USAGE, f"--gradient: got manual, which is not written out for {type(network).__name__}; use --gradient autograd"
    )


def _linear(layer: nn.Linear, inputs: Tensor, delta: Tensor) -> None:
    """For scores = inputs W^T + b: dL/dW = delta^T inputs, and dL/db is the sum of delta's rows."""
    add_gradient(layer.weight, delta.t() @ inputs)
    add_gradient(layer.bias, delta.sum(dim=0))


def add_gradient(parameter: Tensor, gradient: Tensor) -> None:
    """Add a gradient to those since `zero_grad()`, as `backward()` does; both have the parameter's shape."""
    if parameter.grad is None:
        parameter.grad = gradient
    else:
        parameter.grad += gradient


class StepByHand:
    """Stochastic gradient descent: each parameter goes `learning_rate` times its gradient downhill."""

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float) -> None:
        self._parameters = list(parameters)
        self._learning_rate = learning_rate

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Replace w by w - learning_rate * dL/dw."""
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=self._learning_rate)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: plain gradient descent remembers nothing from step to step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
