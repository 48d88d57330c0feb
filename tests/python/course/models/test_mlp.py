"""The networks of the lectures, and what train() and eval() change."""

from __future__ import annotations

import torch

from torchferry.course.models.mlp import ReluMLP, batchnorm_sequential, dropout_sequential, lecture_mlp, relu_sequential


def test_functional_and_sequential_style_give_equal_bits():
    torch.manual_seed(1)
    functional = ReluMLP(784, 100, 10)
    torch.manual_seed(1)
    sequential = relu_sequential(784, 100, 10)
    assert functional.state_dict().keys() == sequential.state_dict().keys()
    x = torch.rand(64, 784)
    assert torch.equal(functional(x), sequential(x))


def test_lecture_weights_are_normal_with_std_0_1_and_zero_biases():
    torch.manual_seed(1)
    network = lecture_mlp(784, 100, 10)
    weights = network.hidden.weight.detach()
    assert abs(float(weights.std()) - 0.1) < 0.001
    assert abs(float(weights.mean())) < 0.001
    assert not network.hidden.bias.any()


def test_dropout_changes_outputs_in_train_mode_only():
    network, x = dropout_sequential(20, 30, 5), torch.rand(8, 20)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_batchnorm_depends_on_the_other_rows_in_train_mode_only():
    network, x = batchnorm_sequential(20, 30, 5), torch.rand(8, 20)
    network(x)
    assert not torch.allclose(network.train()(x)[:4], network(x[:4]))
    assert torch.allclose(network.eval()(x)[:4], network(x[:4]))
