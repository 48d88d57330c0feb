"""int8 of modules that torch or torchao have quantised: weights and scales stay what they are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Subject, load, quantized, same_bits, subject_of
from builders.networks import normal
from builders.trained_int8 import converted, samples, trained
from torchferry.cgen import generate_int8, reference
from torchferry.cgen.generate import unjoined_graph
from torchferry.cgen.ir import Step
from torchferry.cgen.ops.integer_conv2d import IntegerConv2d
from torchferry.cgen.ops.integer_linear import IntegerLinear
from torchferry.cgen.passes.byte_values import grids_of
from torchferry.intake.fake_quantised import in_plain_operators


@cache
def subject(name: str) -> Subject:
    module = in_plain_operators({"converted": converted, "trained": trained}[name](), print)
    of = subject_of(module, (spec("x", shape=("N", 1, 8, 8)),), ("y",), {"x": samples().numpy()})
    # Of the converted one every value has its scale; ranges of smaller inputs would be felt.
    given = {"x": of.samples["x"] * np.float32(0.3 if name == "converted" else 1)}
    return replace(of, generated=generate_int8(of.program, of.contract, name="net", goldens=of.samples, calibration=given))


def test_the_weights_are_the_integers_that_torchao_has_made() -> None:
    products = [node for node in subject("converted").generated.graph.nodes if isinstance(node, IntegerConv2d | IntegerLinear)]
    kept = [part for name, part in converted().named_buffers() if "frozen_param" in name]
    assert len(products) == len(kept) == 3
    for node, integers in zip(products, kept, strict=True):  # in another order within a row: the channels of a pixel lie together
        ours, theirs = (np.sort(each.reshape(len(integers), -1)) for each in (node.weight, integers.numpy().astype(np.int64)))
        assert np.array_equal(ours, theirs)


def test_weights_on_a_grid_of_their_own_keep_its_numbers() -> None:
    rng = np.random.default_rng(1)
    numbers = np.clip(rng.integers(-128, 128, (7, 30)), -128, [[100], [127], [90], [127], [64], [70], [127]])
    module = nn.Linear(30, 7)
    module.weight.data = torch.from_numpy((numbers * rng.uniform(0.001, 0.1, (7, 1))).astype(np.float32))
    of = quantized(subject_of(module, (spec("x", shape=("N", 30)),), ("y",), {"x": normal(40, 30)}))
    (product,) = (node for node in of.generated.graph.nodes if isinstance(node, IntegerLinear))
    assert np.array_equal(product.weight, numbers)


def test_between_input_and_scores_there_is_no_float() -> None:
    steps = [node for node in subject("converted").generated.graph.nodes if isinstance(node, Step)]
    assert [step.outputs[0].dtype for step in steps[:-1]] == ["uint8"] * (len(steps) - 1)


@pytest.mark.parametrize(("name", "steps"), [("converted", 1), ("trained", 3)])
def test_scores_are_within_steps_of_what_torch_computes(name: str, steps: int) -> None:
    of = subject(name)
    exact = {"converted": converted, "trained": trained}[name]()(samples()).detach().numpy()
    (found,) = reference.run(of.generated.graph, of.samples)
    last = list(grids_of(unjoined_graph(of.program, of.contract)).values())[-1]
    assert np.abs(found - exact).max() <= steps * last.scale * 1.001


@pytest.mark.parametrize("name", ["converted", "trained"])
def test_the_c_gives_the_bits_of_the_definition(name: str, tmp_path: Path) -> None:
    of = subject(name)
    compiled = load(of, tmp_path)
    assert same_bits(compiled.run(of.samples), {"y": reference.run(of.generated.graph, of.samples)[0]})
    assert compiled.selftest() == -1


class Handwritten(nn.Module):
    """Grids as people write them: of 4 bits with a zero, before the rounding and after it, and what only looks like one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = (torch.clamp(torch.round(x / 0.25) + 3, 0, 15) - 3) * 0.25
        x = torch.round(torch.clamp(torch.relu(self.first(x)) / 0.0625, 0, 127)) * 0.0625
        return torch.round(torch.clamp(self.second(x) * 2, -8, 8)) * 3


def test_grids_are_found_as_people_write_them() -> None:
    of = subject_of(Handwritten(), (spec("x", shape=("N", 6)),), ("y",), {"x": normal(40, 6)})
    grids = list(grids_of(unjoined_graph(of.program, of.contract)).values())
    assert [(grid.scale, grid.zero, grid.most) for grid in grids] == [(0.25, 3, 15), (0.0625, 0, 127)]
    before = reference.run(unjoined_graph(of.program, of.contract), of.samples)[0]
    assert np.abs(before - of.float64()["y"]).max() <= 3.001  # one rounding may fall the other way
    assert (before == of.float64()["y"]).mean() > 0.9
