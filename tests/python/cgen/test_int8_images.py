"""int8 of images: sums are those of torch's integers, what stays between products is bytes, and a small CNN keeps its accuracy."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from builders.functions import Of
from builders.generated_c import Array, Subject, quantized, subject_of
from builders.image_nets import IMAGE_NETS, Skip
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import generate_int8, reference
from torchferry.cgen.ir import Graph, Map
from torchferry.cgen.ops.byte_function import ByteFunction
from torchferry.cgen.ops.integer_conv2d import IntegerConv2d
from torchferry.cgen.ops.integer_pool2d import IntegerAvgPool2d, IntegerMaxPool2d
from torchferry.cgen.ops.integer_sum import IntegerSum
from torchferry.cgen.ops.quantize import Quantize
from torchferry.cgen.scales import ToFloats
from torchferry.cgen.values import Integers, Value
from torchferry.cgen.windows import Window
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource

RNG = np.random.default_rng(0)


def image_subject(module: nn.Module, *shape: int, count: int = 40) -> Subject:
    """A network with one image as its input and normal numbers in it; a copy, since others have the module as well."""
    module = deepcopy(module)
    torch.manual_seed(1)
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            layer.reset_parameters()
    return subject_of(module, (spec("x", shape=("N", *shape)),), ("y",), {"x": normal(count, *shape, seed=5)})


def graph_of(module: nn.Module, *shape: int) -> Graph:
    return quantized(image_subject(module, *shape)).generated.graph


# ---- each operator against torch ----

CONVOLUTIONS = {
    "plain": (3, 5, 1, (3, 2), (2, 1), (1, 2), (1, 1)),
    "groups and dilation": (6, 4, 2, (2, 3), (1, 2), (0, 3), (2, 2)),
    "depthwise": (5, 5, 5, (3, 3), (1, 1), (1, 1), (1, 1)),
    "one by one": (7, 3, 1, (1, 1), (1, 1), (0, 0), (1, 1)),
}


@pytest.mark.parametrize("last", [False, True], ids=["planes", "channels last"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_sums_of_a_convolution_are_those_of_torch_in_float64(name: str, last: bool) -> None:
    channels, results, groups, size, stride, padding, dilation = CONVOLUTIONS[name]
    zero, sample = 117, (9, 8)
    x = RNG.integers(0, 256, (4, channels, *sample))
    weight, bias = RNG.integers(-127, 128, (results, channels // groups, *size)), RNG.integers(-9999, 9999, results)
    padded = nn.functional.pad(torch.from_numpy(x), (padding[1],) * 2 + (padding[0],) * 2, value=zero)
    exact = nn.functional.conv2d(
        padded.double(), torch.from_numpy(weight).double(), torch.from_numpy(bias).double(), stride, 0, dilation, groups
    ).numpy()
    window = Window(channels, sample, (exact.shape[2], exact.shape[3]), size, stride, padding, dilation)
    shape = (*exact.shape[2:], results) if last else exact.shape[1:]
    one = np.ones(results)
    value, output = Value("x", (channels, *sample), "uint8"), Value("y", shape, "float32")
    node = IntegerConv2d(value, window, groups, zero, weight, bias, ToFloats(one), output, "", x_last=last, y_last=last)
    assert list(node.problems()) == []
    given = np.moveaxis(x, 1, -1) if last else x
    (found,) = node.compute(given.reshape(4, -1).astype(np.uint8))
    expected = np.moveaxis(exact, 1, -1) if last else exact
    assert np.array_equal(found.reshape(expected.shape), expected.astype(np.float32))


POOLS = {"inside": (2, 2, 0), "padded": (3, 2, 1), "overlapping": (3, 1, 0)}


def pooled(name: str) -> tuple[Tensor, Array, Window]:
    """Bytes around the zero 90, the same as samples with their channels last, and the window."""
    size, stride, padding = POOLS[name]
    x = RNG.integers(0, 256, (3, 5, 7, 9))
    results = nn.functional.max_pool2d(torch.from_numpy(x).double(), size, stride, padding).shape[2:]
    window = Window(5, (7, 9), (results[0], results[1]), (size,) * 2, (stride,) * 2, (padding,) * 2, (1, 1))
    return torch.from_numpy(x - 90).double(), np.moveaxis(x, 1, -1).reshape(3, -1).astype(np.uint8), window


@pytest.mark.parametrize("name", POOLS)
def test_a_mean_of_bytes_is_that_of_torch(name: str) -> None:
    x, given, window = pooled(name)
    exact = nn.functional.avg_pool2d(x, *POOLS[name]).numpy() * window.size[0] * window.size[1]
    value, output = Value("x", (7, 9, 5), "uint8"), Value("y", (*window.results, 5), "float32")
    bias: Integers = np.full(5, -90 * window.size[0] * window.size[1])
    (found,) = IntegerAvgPool2d(value, window, 90, bias, ToFloats(np.ones(5)), output, "").compute(given)
    assert np.array_equal(found.reshape(3, *window.results, 5), np.moveaxis(np.rint(exact), 1, -1).astype(np.float32))


@pytest.mark.parametrize("name", POOLS)
def test_the_largest_of_bytes_is_that_of_torch(name: str) -> None:
    x, given, window = pooled(name)
    exact = nn.functional.max_pool2d(x, *POOLS[name]).numpy() + 90
    node = IntegerMaxPool2d(Value("x", (7, 9, 5), "uint8"), window, Value("y", (*window.results, 5), "uint8"), "")
    assert np.array_equal(node.compute(given)[0].reshape(3, *window.results, 5), np.moveaxis(exact, 1, -1))


@pytest.mark.parametrize("factors", [(0.7, 0.4), (1.3, -0.9), (0.001, 6.0), (40.0, 40.0)])
def test_a_sum_of_bytes_is_within_one_step_of_the_exact_one(factors: tuple[float, float]) -> None:
    a, b = (Value(name, (256,), "uint8") for name in "ab")
    zeros, zero = (13, 240), 100
    node = IntegerSum.of((a, b), factors, zeros, zero, (20, 200), (), Value("y", (256,), "uint8"), "")
    assert list(node.problems()) == []
    numbers = RNG.integers(0, 256, (2, 400, 256))
    real = sum(factor * (array - other) for factor, array, other in zip(factors, numbers, zeros, strict=True)) + zero
    (found,) = node.compute(*numbers.astype(np.uint8))
    assert np.abs(found - np.clip(real, 20, 200)).max() <= 0.5 + 255 * 80 * 2.0**-16
    assert set(np.unique(found)) <= set(range(20, 201))


# ---- what is bytes ----


@pytest.mark.parametrize(
    "name", spread(["sum", "concatenation", "mean", "flattened", "depthwise", "padded and shifted", "one dim"], 3)
)
def test_between_the_first_and_the_last_product_there_is_no_float(name: str) -> None:
    module, shape = IMAGE_NETS[name]
    first, *nodes = graph_of(module, *shape).nodes
    assert isinstance(first, Quantize)
    assert not any(isinstance(node, Map) for node in nodes)
    assert [value.dtype for node in nodes[:-1] for value in node.outputs] == ["uint8"] * (len(nodes) - 1)


class SmallPart(nn.Module):
    """One product reads the small channels of an image of bytes alone, another one reads all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.small, self.whole = nn.Conv2d(3, 4, 1), nn.Conv2d(2, 2, 1), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        image = self.image(x) * torch.tensor([1.0, 1.0, 50.0, 50.0]).reshape(4, 1, 1)
        return self.small(image[:, :2]) + self.whole(image)


def test_bytes_that_a_slice_shares_hold_the_whole_value() -> None:
    subject = image_subject(SmallPart(), 3, 5, 6)
    exact = subject.float32()["y"]
    (found,) = reference.run(quantized(subject).generated.graph, subject.samples)
    found = found.reshape(exact.shape)
    assert np.sqrt(np.mean((found - exact) ** 2)) < 0.1 * np.sqrt(np.mean(exact**2))


def test_pixels_that_are_scaled_are_read_as_they_are() -> None:
    images = RNG.integers(0, 256, (30, 3, 6, 6), dtype=np.uint8)
    module = nn.Sequential(
        Of(lambda x: x.float() / 255), nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)
    )
    subject = quantized(subject_of(module, (spec("image", "uint8", ("N", 3, 6, 6)),), ("y",), {"image": images}))
    first, last = subject.generated.graph.nodes
    assert isinstance(first, IntegerConv2d)
    assert type(last).__name__ == "IntegerLinear"
    assert first.zero == 0  # a level more or less is within the bound below
    actual = reference.run(subject.generated.graph, subject.samples)[0]
    assert np.abs(actual - subject.float32()["y"]).max() < 0.02


def test_what_float32_reads_too_is_float32() -> None:
    """A result of the model is never bytes that are made float32 again: both sides of the sum stay as exact as they were."""
    graph = graph_of(Twice(), 2, 6, 6)
    assert [value.dtype for value in graph.outputs] == ["float32"]
    assert not any(isinstance(node, IntegerSum) for node in graph.nodes)


class Twice(nn.Module):
    """A sum that is the result."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.second(x)


def test_a_clamp_is_the_limit_of_the_fixed_point() -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 1), nn.ReLU6(), nn.Conv2d(4, 2, 1))
    subject = image_subject(module, 2, 3, 3)
    samples = {"x": normal(50, 2, 3, 3) * np.float32(40)}
    made = generate_int8(subject.program, subject.contract, name="net", goldens=samples, calibration=samples)
    convolution = next(node for node in made.graph.nodes if isinstance(node, IntegerConv2d))
    values = reference.run_all(made.graph, samples)[convolution.output]
    assert (values.min(), values.max()) == (0, 255)
    wider = generate_int8(subject.program, subject.contract, name="net", goldens=samples, calibration=samples, headroom=2.0)
    convolution = next(node for node in wider.graph.nodes if isinstance(node, IntegerConv2d))
    assert reference.run_all(wider.graph, samples)[convolution.output].max() == 128  # 6 of 12


def test_a_function_of_bytes_that_others_read_too_is_a_table() -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 1), Skip(nn.Sigmoid(), nn.Conv2d(4, 4, 1)), nn.Conv2d(4, 2, 1))
    graph = graph_of(module, 2, 5, 5)
    (table,) = (node for node in graph.nodes if isinstance(node, ByteFunction))
    assert table.name == "sigmoid"
    assert (np.diff(table.table) >= 0).all()


def test_a_convolution_too_long_for_32_bits_is_refused() -> None:
    module = nn.Conv2d(8000, 1, 3)
    nn.init.ones_(module.weight)
    samples = {"x": normal(2, 8000, 3, 3)}
    kinds = contract((spec("x", shape=("N", 8000, 3, 3)),), (spec("y", shape=("N", 1, 1, 1)),))
    program = ExportSource(module.eval(), kinds, samples).program
    with pytest.raises(FerryError, match="got 72000 inputs with sums up to") as caught:
        generate_int8(program, kinds, name="net", goldens=samples, calibration=samples)
    assert caught.value.code == ExitCode.FORMAT


# ---- accuracy ----


class Digits(nn.Module):
    """A small CNN of all that becomes bytes: convolutions, depthwise, a residual, pools."""

    def __init__(self) -> None:
        super().__init__()
        first = [nn.Conv2d(1, 12, 5, 2, 2), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2)]
        separable = [nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.ReLU6(), nn.Conv2d(12, 12, 1)]
        self.features = nn.Sequential(*first, Skip(*separable), nn.Conv2d(12, 24, 3, 2), nn.ReLU(), nn.Flatten())
        self.classify = nn.Linear(24 * 9, 10)

    def forward(self, image: Tensor) -> Tensor:
        return self.classify(self.features(image.unsqueeze(1).float() / 255))


def mnist(data_root: Path, part: str, count: int) -> tuple[Array, Array]:
    raw = data_root / "MNIST" / "raw"
    images = np.fromfile(raw / f"{part}-images-idx3-ubyte", np.uint8, offset=16, count=count * 784).reshape(-1, 28, 28)
    return images, np.fromfile(raw / f"{part}-labels-idx1-ubyte", np.uint8, offset=8, count=count).astype(np.int64)


def trained(images: Array, labels: Array) -> nn.Module:
    torch.manual_seed(0)
    module = Digits()
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(4):
        for index in torch.arange(len(labels)).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(module(torch.from_numpy(images)[index]), torch.from_numpy(labels)[index])
            loss.backward()
            optimizer.step()
    return module.eval()


@pytest.mark.slow
def test_a_cnn_on_digits_loses_at_most_half_a_point(data_root: Path) -> None:
    images, labels = mnist(data_root, "train", 12_000)
    module = trained(images, labels)
    subject = quantized(subject_of(module, (spec("image", "uint8", ("N", 28, 28)),), ("logits",), {"image": images[:400]}))
    assert not any(isinstance(node, Map | Quantize) for node in subject.generated.graph.nodes)
    fresh, truth = mnist(data_root, "t10k", 4000)
    with torch.no_grad():
        float_accuracy = float((module(torch.from_numpy(fresh)).argmax(1).numpy() == truth).mean())
    answers = reference.run(subject.generated.graph, {"image": fresh})[0].argmax(1)
    assert float_accuracy > 0.94
    assert float((answers == truth).mean()) >= float_accuracy - 0.005
