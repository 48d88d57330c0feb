"""Modules that torch or torchao have quantised: in plain operators they give the same numbers, and torch.export takes them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import fx, nn

from builders.trained_int8 import converted, samples, small_net, trained
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.fake_quantised import Rounded, in_plain_operators

MAKES: dict[str, Any] = {"converted": converted, "trained": trained}


@pytest.mark.parametrize("name", MAKES)
def test_plain_operators_give_the_module_s_own_numbers(name: str) -> None:
    module = MAKES[name]()
    plain = in_plain_operators(module, print)
    assert plain is not module
    assert torch.equal(plain(samples()), module(samples()))


@pytest.mark.parametrize("name", MAKES)
def test_plain_operators_run_in_float64_and_are_exported(name: str) -> None:
    plain = in_plain_operators(MAKES[name](), print)
    program = torch.export.export(plain, (samples(),), strict=False)
    assert not [node for node in program.graph.nodes if "quant" in str(node.target) and node.op == "call_function"]
    assert plain.double()(samples().double()).dtype == torch.float64


def test_a_module_that_is_not_quantised_is_left_alone() -> None:
    net = small_net()
    assert in_plain_operators(net, print) is net


def test_a_rounding_that_is_switched_off_rounds_nothing() -> None:
    module = trained()
    module.apply(torch.ao.quantization.disable_fake_quant)
    try:
        assert not [part for part in in_plain_operators(module, print).modules() if isinstance(part, Rounded)]
    finally:
        module.apply(torch.ao.quantization.enable_fake_quant)


def test_values_with_a_grid_for_each_channel_are_refused() -> None:
    graph = fx.Graph()
    x, scales, zeros = graph.placeholder("x"), graph.get_attr("scales"), graph.get_attr("zeros")
    ops = torch.ops.quantized_decomposed
    grid = (scales, zeros, 1, -128, 127, torch.int8)
    made = graph.call_function(
        ops.dequantize_per_channel.default, (graph.call_function(ops.quantize_per_channel.default, (x, *grid)), *grid)
    )
    graph.output(made)
    root = nn.Module()
    root.register_buffer("scales", torch.full((3,), 0.1))
    root.register_buffer("zeros", torch.zeros(3, dtype=torch.int64))
    with pytest.raises(FerryError, match="one scale for all channels") as raised:
        in_plain_operators(fx.GraphModule(root, graph), print)
    assert raised.value.code == ExitCode.BAD_INPUT


def test_observers_are_left_out_and_that_is_told() -> None:
    """A module that was prepared and not converted answers in floats, and measures in each call."""
    notes: list[str] = []
    prepared = nn.Sequential(torch.ao.quantization.QuantStub(), small_net(), nn.ReLU()).eval()
    prepared.qconfig = torch.ao.quantization.QConfig(  # type: ignore[assignment]
        activation=torch.ao.quantization.HistogramObserver.with_args(reduce_range=False),
        weight=torch.ao.quantization.default_weight_observer,
    )
    torch.ao.quantization.prepare(prepared, inplace=True)
    expected = prepared(samples())
    plain = in_plain_operators(prepared, notes.append)
    assert not [part for part in plain.modules() if isinstance(part, torch.ao.quantization.ObserverBase)]
    assert [part for part in prepared.modules() if isinstance(part, torch.ao.quantization.ObserverBase)]
    assert torch.equal(plain(samples()), expected)
    torch.export.export(plain, (samples(),), strict=False)
    assert len(notes) == 1
    assert "are left out, which measure what passes through them" in notes[0]


def test_what_measures_inside_a_rounding_is_no_observer_left_behind() -> None:
    notes: list[str] = []
    in_plain_operators(trained(), notes.append)
    assert notes == []
