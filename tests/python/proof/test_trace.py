"""Intermediate results through forward hooks."""

from __future__ import annotations

import torch
from torch import nn

from torchferry.course.models.mlp import ReluMLP, relu_sequential
from torchferry.proof.trace import trace_layers


def test_layers_are_named_in_the_order_in_which_they_run():
    network = relu_sequential(4, 3, 2)
    names = [layer.name for layer in trace_layers(network, torch.rand(5, 4))]
    assert names == ["hidden_1", "relu_1", "hidden_2", "relu_2", "output"]


def test_traced_values_are_those_that_one_computes_by_hand():
    network = relu_sequential(4, 3, 2)
    x = torch.rand(5, 4)
    traced = {layer.name: layer.value for layer in trace_layers(network, x)}
    hidden = x @ network.hidden_1.weight.t() + network.hidden_1.bias
    assert torch.allclose(traced["hidden_1"], hidden)
    assert torch.allclose(traced["relu_1"], hidden.clamp(min=0))
    assert torch.equal(traced["output"], network(x))


def test_both_styles_show_the_same_values_under_the_same_names():
    functional, sequential = ReluMLP(4, 3, 2), relu_sequential(4, 3, 2)
    sequential.load_state_dict(functional.state_dict())
    x = torch.rand(5, 4)
    left = {layer.name: layer.value for layer in trace_layers(functional, x)}
    right = {layer.name: layer.value for layer in trace_layers(sequential, x)}
    assert list(left) == ["hidden_1", "hidden_2", "output"]
    assert all(torch.equal(value, right[name]) for name, value in left.items())


def test_a_layer_that_runs_twice_is_named_twice_and_an_in_place_layer_changes_no_earlier_value():
    shared = nn.ReLU(inplace=True)
    network = nn.Sequential(nn.Linear(4, 4), shared, nn.Linear(4, 4), shared)
    layers = trace_layers(network, torch.randn(5, 4))
    assert [layer.name for layer in layers] == ["0", "1", "2", "1:2"]
    assert float(layers[0].value.min()) < 0


def test_no_hook_stays_behind():
    network = relu_sequential(4, 3, 2)
    trace_layers(network, torch.rand(5, 4))
    assert not any(layer._forward_hooks for layer in network.modules())
