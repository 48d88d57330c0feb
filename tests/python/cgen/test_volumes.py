"""Convolutions over three dims, transposed ones too, of many geometries: near float64 eager, and the bits of the definition in C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import subject_of
from builders.near_float64 import assert_near_float64
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen.ops.conv3d import Conv3d

PLAIN: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "padded": ({"kernel_size": 3, "padding": 1}, (2, 4, 5, 6)),
    "strided": ({"kernel_size": 3, "stride": 2, "padding": 1}, (3, 5, 7, 9)),
    "sizes that differ": ({"kernel_size": (1, 4, 2), "stride": (2, 1, 3), "padding": (0, 2, 1)}, (2, 3, 6, 8)),
    "a stride beyond the window": ({"kernel_size": (2, 2, 1), "stride": (3, 4, 2)}, (2, 6, 9, 5)),
    "dilation": ({"kernel_size": 3, "dilation": (1, 2, 3), "padding": (1, 2, 3)}, (2, 4, 6, 7)),
    "dilation over depths": ({"kernel_size": 2, "dilation": (3, 1, 1), "padding": (2, 1, 0)}, (2, 4, 4, 4)),
    "groups": ({"kernel_size": 3, "padding": 1, "groups": 2}, (4, 3, 4, 5)),
    "depthwise": ({"kernel_size": 3, "padding": 1, "groups": 20}, (20, 3, 4, 5)),
    "one position": ({"kernel_size": 1}, (5, 2, 3, 4)),
    "all positions": ({"kernel_size": (3, 4, 5)}, (2, 3, 4, 5)),
}
TRANSPOSED: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "a U-Net's": ({"kernel_size": 2, "stride": 2}, (4, 2, 3, 5)),
    "a decoder's": ({"kernel_size": 4, "stride": 2, "padding": 1}, (4, 3, 2, 4)),
    "a stride of 1": ({"kernel_size": 3, "padding": 1}, (4, 3, 3, 3)),
    "a stride of 1 with more padding": ({"kernel_size": 2, "padding": 2}, (4, 5, 5, 6)),
    "results that no weight reaches": (
        {"kernel_size": (1, 2, 1), "stride": (2, 3, 2), "output_padding": (1, 1, 0)},
        (4, 2, 2, 3),
    ),
    "dilation": ({"kernel_size": 3, "stride": 2, "dilation": (1, 2, 3), "padding": (0, 1, 2)}, (4, 2, 3, 3)),
    "groups": ({"kernel_size": 3, "stride": (2, 1, 3), "padding": 1, "groups": 2}, (4, 2, 3, 3)),
    "depthwise": ({"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 4}, (4, 2, 3, 3)),
    "one result": ({"kernel_size": 3, "stride": 4, "padding": 1}, (4, 1, 1, 1)),
    "more padding than the window reaches": ({"kernel_size": 2, "stride": 2, "padding": 3}, (4, 5, 5, 6)),
}


def check(module: nn.Module, shape: tuple[int, ...], folder: Path) -> None:
    """Compare the definition with float64 eager, and the C of three compilers' options with the definition."""
    samples = {"x": normal(3, *shape)}
    subject = subject_of(module.eval(), (spec("x", shape=("N", *shape)),), ("y",), samples)
    assert any(isinstance(node, Conv3d) for node in subject.generated.graph.nodes)
    assert_near_float64(subject, folder)


@pytest.mark.parametrize("results", [1, 20])
@pytest.mark.parametrize("name", spread(PLAIN, 5))
def test_a_convolution_has_the_bits_of_its_definition(name: str, results: int, tmp_path: Path) -> None:
    geometry, shape = PLAIN[name]
    torch.manual_seed(0)
    channels = results if geometry.get("groups", 1) == 1 else 20
    check(nn.Conv3d(shape[0], channels, **geometry), shape, tmp_path)


@pytest.mark.parametrize("name", spread(TRANSPOSED, 5))
def test_a_transposed_one_has_the_bits_of_its_definition(name: str, tmp_path: Path) -> None:
    geometry, shape = TRANSPOSED[name]
    torch.manual_seed(0)
    channels = 4 if geometry.get("groups") == 4 else 6
    check(nn.ConvTranspose3d(shape[0], channels, **geometry), shape, tmp_path)


def test_every_weight_belongs_to_one_phase() -> None:
    module = nn.ConvTranspose3d(4, 6, (5, 3, 2), (2, 3, 1), 1)
    subject = subject_of(module.eval(), (spec("x", shape=("N", 4, 3, 3, 3)),), ("y",), {"x": normal(2, 4, 3, 3, 3)})
    convs = [node for node in subject.generated.graph.nodes if isinstance(node, Conv3d)]
    assert sum(conv.weight.size for conv in convs) == 4 * 6 * 5 * 3 * 2
