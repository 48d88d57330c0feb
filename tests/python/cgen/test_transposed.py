"""Transposed convolutions of many geometries: near float64 eager, and the bits of the definition in C, in float32 and int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import load, quantized, same_bits, subject_of
from builders.near_float64 import assert_near_float64
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.ops.conv2d import Conv2d
from torchferry.cgen.ops.conv_transpose2d import ConvTranspose2d

GEOMETRIES = {
    "a decoder's": ({"kernel_size": 4, "stride": 2, "padding": 1}, (6, 5, 4)),
    "a U-Net's": ({"kernel_size": 2, "stride": 2}, (6, 3, 5)),
    "a stride of 1": ({"kernel_size": 3, "padding": 1}, (6, 4, 4)),
    "more padding than the window reaches": ({"kernel_size": 2, "stride": 2, "padding": 3}, (6, 7, 8)),
    "a stride of 1 with more padding": ({"kernel_size": 2, "padding": 2}, (6, 6, 7)),
    "results that no weight reaches": ({"kernel_size": (2, 1), "stride": (3, 2), "output_padding": (1, 1)}, (6, 3, 4)),
    "dilation": ({"kernel_size": 3, "stride": 2, "dilation": (2, 3), "padding": (1, 2)}, (6, 4, 5)),
    "dilation as the stride": ({"kernel_size": 3, "stride": 2, "dilation": 2, "padding": 1, "output_padding": 1}, (6, 4, 5)),
    "groups": ({"kernel_size": 5, "stride": (2, 3), "padding": 2, "output_padding": 1, "groups": 2}, (6, 4, 3)),
    "depthwise": ({"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 6}, (6, 5, 3)),
    "one result": ({"kernel_size": 3, "stride": 4, "padding": 1}, (6, 1, 1)),
    "a stride beyond the result": ({"kernel_size": 1, "stride": 3}, (6, 1, 4)),
}


def network(geometry: dict[str, object], channels: int, *, apart: bool) -> nn.Module:
    """A transposed convolution alone, as the caller's planes need it, or between others, where channels lie last."""
    torch.manual_seed(0)
    results = channels if geometry.get("groups") == channels else 20
    one = nn.ConvTranspose2d(channels, results, **geometry)  # type: ignore[arg-type]
    if apart:
        return one.eval()
    before = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU())
    return nn.Sequential(before, one, nn.BatchNorm2d(results), nn.ReLU(), nn.Conv2d(results, 3, 1)).eval()


@pytest.mark.parametrize("apart", [True, False], ids=["alone", "between others"])
@pytest.mark.parametrize("name", spread(GEOMETRIES, 5))
def test_the_bits_of_the_definition_near_float64(name: str, apart: bool, tmp_path: Path) -> None:
    geometry, shape = GEOMETRIES[name]
    module, samples = network(geometry, shape[0], apart=apart), {"x": normal(5, *shape)}
    subject = subject_of(module, (spec("x", shape=("N", *shape)),), ("y",), samples)
    assert_near_float64(subject, tmp_path)


@pytest.mark.parametrize("name", spread(GEOMETRIES, 3))
def test_int8_is_as_near_as_its_bytes(name: str, tmp_path: Path) -> None:
    geometry, shape = GEOMETRIES[name]
    module, samples = network(geometry, shape[0], apart=False), {"x": normal(200, *shape)}
    whole = subject_of(module, (spec("x", shape=("N", *shape)),), ("y",), samples)
    subject = quantized(whole)
    assert not [node for node in subject.generated.graph.nodes if isinstance(node, Conv2d | ConvTranspose2d)]
    (made,), (exact,) = reference.run(subject.generated.graph, samples), reference.run(whole.generated.graph, samples)
    assert np.sqrt(np.mean((made - exact) ** 2)) <= 0.03 * np.sqrt(np.mean(exact**2))
    assert same_bits(load(subject, tmp_path, "gcc", "-O2").run(samples), {"y": made})


def test_every_weight_belongs_to_one_phase() -> None:
    module = network({"kernel_size": 5, "stride": (2, 3), "padding": 1}, 4, apart=True)
    subject = subject_of(module, (spec("x", shape=("N", 4, 3, 3)),), ("y",), {"x": normal(2, 4, 3, 3)})
    (node,) = subject.generated.graph.nodes
    assert isinstance(node, ConvTranspose2d)
    assert sum(phase.conv.weight.size for phase in node.phases) == node.weight.size == 4 * 20 * 25
