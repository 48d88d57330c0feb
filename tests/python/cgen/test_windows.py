"""Convolutions and pools: the C gives the bits of the definition with every compiler and flag, and the numbers of float64 eager."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.functions import differing, member, side_by_side
from builders.generated_c import COMPILERS, Array, Subject, load, quantized, same_bits, subject_of
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.ops.conv2d import Conv2d
from torchferry.preprocess import UnitScale

FLAGS = [("-O0",), ("-O2",), ("-O3",), ("-O3", "-march=native"), ("-O2", "-U__SSE2__")]
LAYERS: dict[str, tuple[nn.Module, tuple[int, int, int]]] = {
    "one by one": (nn.Conv2d(3, 5, 1), (3, 4, 6)),
    "plain": (nn.Conv2d(2, 4, 3), (2, 7, 9)),
    "without bias": (nn.Conv2d(2, 4, (3, 2), bias=False), (2, 7, 9)),
    "stride and padding": (nn.Conv2d(3, 8, 3, stride=2, padding=1), (3, 11, 8)),
    "unequal pairs": (nn.Conv2d(2, 3, (3, 5), stride=(2, 3), padding=(2, 1), dilation=(2, 1)), (2, 13, 17)),
    "dilation beyond the sample": (nn.Conv2d(1, 2, 3, padding=6, dilation=6), (1, 5, 5)),
    "padding wider than the window": (nn.Conv2d(1, 2, 2, padding=5), (1, 3, 4)),
    "groups": (nn.Conv2d(6, 9, 3, groups=3, padding=1), (6, 5, 5)),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8, stride=2, padding=1), (8, 9, 9)),
    "depthwise with two results": (nn.Conv2d(4, 8, 3, groups=4), (4, 6, 7)),
    "same": (nn.Conv2d(2, 3, (4, 3), padding="same", dilation=(2, 2)), (2, 6, 8)),
    "valid": (nn.Conv2d(2, 3, 3, padding="valid"), (2, 6, 8)),
    "max pool": (nn.MaxPool2d(2), (3, 8, 6)),
    "max pool that overlaps": (nn.MaxPool2d(3, stride=2, padding=1), (3, 9, 7)),
    "max pool with dilation": (nn.MaxPool2d((3, 2), stride=1, padding=1, dilation=2), (2, 9, 7)),
    "max pool over a rest": (nn.MaxPool2d(3, stride=2, ceil_mode=True), (2, 8, 6)),
    "average pool": (nn.AvgPool2d(2), (3, 8, 6)),
    "average pool with padding": (nn.AvgPool2d(3, stride=2, padding=1), (3, 9, 7)),
    "average pool without its padding": (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (3, 9, 7)),
    "average pool over a rest": (nn.AvgPool2d((3, 2), stride=2, padding=(1, 0), ceil_mode=True), (2, 8, 5)),
    "average pool with a divisor": (nn.AvgPool2d(2, divisor_override=3), (2, 4, 4)),
}


def subject_for(module: nn.Module, shape: tuple[int, ...], count: int = 6) -> Subject:
    return subject_of(module, (spec("x", shape=("N", *shape)),), ("y",), {"x": normal(count, *shape, seed=3)})


@cache
def every_layer() -> Subject:
    """All layers side by side: one export, and one file of C for each compiler and flag."""
    torch.manual_seed(0)
    samples = {name: normal(6, *shape, seed=3) for name, (_, shape) in LAYERS.items()}
    return side_by_side({name: module for name, (module, _) in LAYERS.items()}, samples)


def definition(subject: Subject, samples: dict[str, Array]) -> dict[str, Array]:
    results = reference.run(subject.generated.graph, samples)
    return {spec.name: array for spec, array in zip(subject.contract.outputs, results, strict=True)}


class Net(nn.Module):
    """Bytes, scaled; convolutions, pools and a classifier, as a small camera model has them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.scale = UnitScale(255.0)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1, groups=8),
            nn.Conv2d(8, 12, 1),
            nn.ReLU6(),
            nn.MaxPool2d(2),
            nn.AvgPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(12 * 2 * 3, 50)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(self.scale(image))).softmax(1)


def net() -> Subject:
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 16, 24), dtype=np.uint8)
    return subject_of(Net(), (spec("image", "uint8", ("N", 3, 16, 24)),), ("y",), {"image": images})


@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
@pytest.mark.parametrize("flags", spread(FLAGS, 2), ids=" ".join)
def test_every_layer_gives_the_bits_of_the_definition(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    subject = every_layer()
    compiled = load(subject, tmp_path, compiler, *flags)
    assert differing(compiled.run(subject.samples), definition(subject, subject.samples)) == []
    assert compiled.selftest() == -1


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_as_near_to_float64_as_its_sums_are_long(name: str) -> None:
    subject, (module, _), output = every_layer(), LAYERS[name], f"{member(name)}_0"
    terms = module.weight[0].numel() if isinstance(module, nn.Conv2d) else 9
    size = float(np.abs(subject.samples[f"to_{member(name)}"]).max()) * terms
    bound = 0.0 if isinstance(module, nn.MaxPool2d) else (terms + 2) * 2.0**-24 * size
    assert np.abs(definition(subject, subject.samples)[output] - subject.float64()[output]).max() <= bound


@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
@pytest.mark.parametrize("flags", spread(FLAGS, 2), ids=" ".join)
def test_a_network_of_them_gives_the_bits_of_the_definition(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    subject = net()
    expected = definition(subject, subject.samples)
    compiled = load(subject, tmp_path, compiler, *flags)
    assert same_bits(compiled.run(subject.samples), expected)
    assert same_bits(compiled.run(subject.samples, batch=True), expected)
    assert np.abs(expected["y"] - subject.float64()["y"]).max() < 1e-6


@pytest.mark.parametrize("name", ["stride and padding", "max pool that overlaps", "average pool with padding"])
def test_nan_infinity_and_zeros_are_those_of_eager(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, shape = LAYERS[name]
    subject = subject_for(module, shape)
    rng = np.random.default_rng(2)
    rare = rng.choice(np.float32([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-42]), (20, *shape))
    samples = {"x": np.where(rng.random(rare.shape) < 0.05, rare, normal(20, *shape)).astype(np.float32)}
    got = load(subject, tmp_path).run(samples)
    assert same_bits(got, definition(subject, samples))
    with torch.no_grad():
        eager = module(torch.from_numpy(samples["x"])).numpy()
    assert (np.isnan(got["y"]) == np.isnan(eager)).all()
    assert np.allclose(got["y"], eager, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    trap = ("-O1", "-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error")
    subject = every_layer()
    assert differing(load(subject, tmp_path, "gcc", *trap).run(subject.samples), definition(subject, subject.samples)) == []


def test_a_scale_and_shift_after_a_convolution_disappear_into_it() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.conv(x) * 3.0 - 0.5).relu()

    subject = subject_for(Scaled(), (2, 5, 6))
    nodes = subject.generated.graph.nodes
    assert [(type(node), getattr(node, "relu", False)) for node in nodes] == [(Conv2d, True)]
    assert np.allclose(definition(subject, subject.samples)["y"], subject.float64()["y"], atol=1e-5)


def test_the_order_of_the_sums_is_row_column_channel() -> None:
    """By hand: 2^24 + 1 + 1 - 2^24 loses both ones in this order, and none where the columns are exchanged."""
    conv = nn.Conv2d(2, 1, (1, 2), bias=False)
    conv.weight.data[:] = 1.0
    subject = subject_for(conv, (2, 1, 2))
    row = np.float32([[[[2**24, 1]], [[1, -(2**24)]]]])
    assert definition(subject, {"x": row})["y"].ravel().tolist() == [0.0]
    assert definition(subject, {"x": row[:, :, :, ::-1].copy()})["y"].ravel().tolist() == [2.0]


def test_in_int8_convolutions_and_products_are_of_integers(tmp_path: Path) -> None:
    subject = quantized(net())
    kinds = {type(node).__name__ for node in subject.generated.graph.nodes}
    assert {"IntegerConv2d", "IntegerLinear"} <= kinds
    assert "Conv2d" not in kinds
    assert same_bits(load(subject, tmp_path).run(subject.samples), definition(subject, subject.samples))


def test_the_layers_are_listed_with_their_windows() -> None:
    comment = net().generated.files["model.c"].partition("*/\n")[0]
    for words in ("Conv2d 3 -> 8, 3x3, stride 2x2, padding 1x1, relu", "8 groups", "MaxPool2d 2x2", "AvgPool2d 2x2"):
        assert words in comment


@pytest.mark.parametrize("layer", [nn.MaxPool2d(2), nn.MaxPool2d(3, stride=2, padding=1), nn.AvgPool2d(2)])
def test_the_definition_of_a_pool_keeps_nan_and_infinity(layer: nn.Module) -> None:
    subject = subject_of(layer, (spec("x", shape=("N", 2, 6, 6)),), ("y",), {"x": normal(3, 2, 6, 6)})
    samples = normal(3, 2, 6, 6, seed=1)
    samples[0, 0, 2, 3], samples[1, 1, 0, 0], samples[2, 0, 5, 5] = np.nan, np.inf, -np.inf
    (made,) = reference.run(subject.generated.graph, {"x": samples})
    with torch.no_grad():
        eager = layer(torch.from_numpy(samples)).numpy()
    assert np.isnan(eager).any()
    assert np.allclose(made.reshape(eager.shape), eager, rtol=1e-6, atol=1e-6, equal_nan=True)
