"""Multilayer perceptrons: the networks between preprocessing and probabilities (STAT 453, L6.5 and L9.3.2).

Each takes features [N, num_features] and returns logits [N, num_classes]. Softmax is not their business: the loss is computed
from the logits, and the exported model adds the probabilities.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHT_STD = 0.1
DROP_PROBABILITY = 0.5


class MLP(nn.Module):
    """One hidden layer of sigmoid units. Its weights start as PyTorch has them; see `lecture_mlp`."""

    def __init__(self, num_features: int, num_hidden: int, num_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(num_features, num_hidden)
        self.output = nn.Linear(num_hidden, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Compute logits [N, classes] of features [N, num_features] through one hidden layer."""
        hidden = torch.sigmoid(self.hidden(features))
        logits: Tensor = self.output(hidden)
        return logits


def lecture_mlp(num_features: int, num_hidden: int, num_classes: int) -> MLP:
    """Make an `MLP` as the lecture starts it: weights N(0, 0.1), biases zero."""
    network = MLP(num_features, num_hidden, num_classes)
    for layer in (network.hidden, network.output):
        nn.init.normal_(layer.weight, mean=0.0, std=WEIGHT_STD)
        nn.init.zeros_(layer.bias)
    return network


def softmax_regression(num_features: int, num_classes: int) -> nn.Linear:
    """Make a network without a hidden layer: multinomial logistic regression. Weights and biases start at zero."""
    layer = nn.Linear(num_features, num_classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class ReluMLP(nn.Module):
    """Two hidden ReLU layers, in the functional style: layers in `__init__`, what happens between them in `forward`."""

    def __init__(self, num_features: int, num_hidden: int, num_classes: int) -> None:
        super().__init__()
        self.hidden_1 = nn.Linear(num_features, num_hidden)
        self.hidden_2 = nn.Linear(num_hidden, num_hidden)
        self.output = nn.Linear(num_hidden, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Compute logits [N, classes] of features [N, num_features] through two hidden layers."""
        hidden = F.relu(self.hidden_1(features))
        hidden = F.relu(self.hidden_2(hidden))
        logits: Tensor = self.output(hidden)
        return logits


def relu_sequential(num_features: int, num_hidden: int, num_classes: int) -> nn.Sequential:
    """Make the network of `ReluMLP` in the other style: one `nn.Sequential`, with the same parameter names."""
    return nn.Sequential(
        OrderedDict(
            hidden_1=nn.Linear(num_features, num_hidden),
            relu_1=nn.ReLU(),
            hidden_2=nn.Linear(num_hidden, num_hidden),
            relu_2=nn.ReLU(),
            output=nn.Linear(num_hidden, num_classes),
        )
    )


def dropout_sequential(num_features: int, num_hidden: int, num_classes: int) -> nn.Sequential:
    """Make a network of one hidden ReLU layer; train mode drops half of its units at random, eval mode none."""
    return nn.Sequential(
        OrderedDict(
            hidden=nn.Linear(num_features, num_hidden),
            relu=nn.ReLU(),
            dropout=nn.Dropout(DROP_PROBABILITY),
            output=nn.Linear(num_hidden, num_classes),
        )
    )


def batchnorm_sequential(num_features: int, num_hidden: int, num_classes: int) -> nn.Sequential:
    """Make a network of one hidden ReLU layer, normalised by the minibatch in train mode and by running statistics in eval mode.

    The hidden layer has no bias: batch normalisation subtracts the mean, and adds a bias of its own.
    """
    return nn.Sequential(
        OrderedDict(
            hidden=nn.Linear(num_features, num_hidden, bias=False),
            batchnorm=nn.BatchNorm1d(num_hidden),
            relu=nn.ReLU(),
            output=nn.Linear(num_hidden, num_classes),
        )
    )
