"""With its macro, C in int8 counts the sums that leave their bytes: as many as float64 says, which knows scales and no fixed point."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import COMPILERS, Array, Subject, load, quantized, same_bits, subject_of
from builders.image_nets import Skip
from builders.networks import dense, normal
from torchferry.cgen import reference
from torchferry.cgen.ir import Node
from torchferry.cgen.ops.integer_conv2d import IntegerConv2d
from torchferry.cgen.ops.integer_linear import IntegerLinear
from torchferry.cgen.ops.integer_sum import IntegerSum
from torchferry.cgen.ops.quantize import Quantize
from torchferry.cgen.scales import Bytes, ToBytes
from torchferry.cgen.values import Value

COUNTING = "-DNET_COUNT_SATURATIONS"
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "clamp": lambda x: x.clamp(0.0, 6.0),
    "tanh": torch.tanh,
    "gelu": nn.functional.gelu,
}
DIPS = "a table, open at one end"  # GELU falls below its bytes and rises again: only its ends are counted
BETWEEN = 0.02  # of a step: what lies so near to where counting begins says nothing, as fixed point and tables round there
Doubles = NDArray[np.float64]


def image(*layers: nn.Module, channels: int = 3) -> Subject:
    torch.manual_seed(3)
    module = nn.Sequential(*layers)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.reset_parameters()
    samples = {"x": normal(40, channels, 7, 6, seed=5)}
    return subject_of(module, (spec("x", shape=("N", channels, 7, 6)),), ("y",), samples)


def row(activation: type[nn.Module], scale: float = 1.0) -> Subject:
    """Linear layers; `scale` makes weights that reach 6, where ReLU6 ends itself."""
    made = dense(13, 17, 19, 5, activation=activation)
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(13, 17), activation(), nn.Linear(17, 19), activation(), nn.Linear(19, 5)]
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                parameter.mul_(scale)
    return subject_of(nn.Sequential(*layers), (spec("x", shape=("N", 13)),), ("y",), made.samples)


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "relu": lambda: row(nn.ReLU),
    "no function": lambda: row(nn.Identity),
    "relu6 that is not reached": lambda: row(nn.ReLU6),
    "relu6 that is reached": lambda: row(nn.ReLU6, 8.0),
    "a table": lambda: row(nn.Tanh),
    DIPS: lambda: row(nn.GELU),
    "convolution": lambda: image(nn.Conv2d(3, 21, 3), nn.ReLU(), nn.Conv2d(21, 5, 2), nn.Flatten(), nn.Linear(60, 2)),
    "depthwise": lambda: image(
        nn.Conv2d(21, 21, 3, groups=21), nn.Conv2d(21, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(80, 2), channels=21
    ),
    "skip": lambda: image(Skip(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 1)), nn.Flatten(), nn.Linear(126, 2)),
}


def loud(subject: Subject, factor: float = 2.5) -> dict[str, Array]:
    return {name: (array * np.float32(factor)).astype(np.float32) for name, array in subject.samples.items()}


def real(kind: Bytes, found: Array) -> Doubles:
    """What bytes mean."""
    made: Doubles = (found.astype(np.float64) - kind.zero) * kind.scale
    return made


def product(node: IntegerLinear | IntegerConv2d, layer: nn.Module, x: Doubles, *, last: bool) -> Tensor:
    """The layer's own torch operator in float64, on weights of 127 steps a row [N, results or places, ...]."""
    weight = next(layer.parameters()).detach().double().numpy()
    flat = np.abs(weight.reshape(len(weight), -1)).max(axis=1) / 127
    steps = torch.from_numpy(
        np.rint(weight / flat.reshape(-1, *[1] * (weight.ndim - 1))) * flat.reshape(-1, *[1] * (weight.ndim - 1))
    )
    bias = list(layer.parameters())[1].detach().double()
    if isinstance(node, IntegerLinear):
        return nn.functional.linear(torch.from_numpy(x), steps, bias)
    assert isinstance(layer, nn.Conv2d)
    images = torch.from_numpy(node.window.images(x, last=last).copy())
    return nn.functional.conv2d(images, steps, bias, layer.stride, layer.padding, layer.dilation, layer.groups)


def steps_of(subject: Subject, samples: dict[str, Array]) -> list[tuple[Bytes, Doubles]]:
    """Of each step from sums or floats to bytes: the meaning of its bytes, and the results in float64 before they are bytes."""
    graph = subject.generated.graph
    values = reference.run_all(graph, samples)
    layers = [m for m in subject.module.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    products = [node for node in graph.nodes if isinstance(node, IntegerLinear | IntegerConv2d)]
    assert len(layers) == len(products)

    def meaning(value: Value) -> Bytes:
        kind = graph.twins[value].kind
        assert kind is not None
        return kind

    def results(node: Node) -> Doubles | None:
        if isinstance(node, Quantize):
            return values[node.x].astype(np.float64)
        if isinstance(node, IntegerSum):
            names, total = node.functions, sum(real(meaning(value), values[value]) for value in node.inputs)
            found = torch.from_numpy(np.asarray(total))
        elif isinstance(node, IntegerLinear | IntegerConv2d) and isinstance(node.finish, ToBytes):
            x, layer = real(meaning(node.x), values[node.x]), layers[products.index(node)]
            names, found = node.finish.functions, product(node, layer, x, last=getattr(node, "x_last", False))
        else:
            return None
        for name in names:
            found = FUNCTIONS[name](found)
        return found.numpy()

    made = [(node, results(node)) for node in graph.nodes]
    return [(meaning(node.outputs[0]), found) for node, found in made if found is not None]


def beyond(kind: Bytes, found: Doubles, margin: float, *, above: bool = False) -> int:
    """How many lie beyond their bytes; `above`: on that side only."""
    steps = found / kind.scale + kind.zero
    return int(((steps > kind.most + 0.5 + margin) | ((steps < -0.5 - margin) & (not above))).sum())


def count_of(subject: Subject, samples: dict[str, Array], folder: Path, *flags: str, batch: bool = False) -> int:
    compiled = load(subject, folder, *(flags or ("gcc", "-O3")), COUNTING)
    compiled.run(samples, batch=batch)
    function = compiled.function("saturations")
    function.restype = ctypes.c_size_t
    return int(function())


@pytest.mark.parametrize("name", SUBJECTS)
def test_as_many_as_float64_says(name: str, tmp_path: Path) -> None:
    subject = quantized(SUBJECTS[name](), "net")
    samples = loud(subject)
    expected = steps_of(subject, samples)
    inputs, above = beyond(*expected[0], 0.0), name == DIPS
    least, most = (inputs + sum(beyond(*step, margin, above=above) for step in expected[1:]) for margin in (BETWEEN, -BETWEEN))
    assert len(expected) >= 2
    assert least <= most <= least + max(2, least // 50)
    assert inputs + 20 < least or name == "relu6 that is reached"
    for i, compiler in enumerate(COMPILERS):
        (tmp_path / compiler).mkdir()
        assert least <= count_of(subject, samples, tmp_path / compiler, compiler, "-O3", batch=i == 0) <= most


@pytest.mark.parametrize("name", SUBJECTS)
def test_nothing_saturates_on_what_is_quieter_than_the_calibration(name: str, tmp_path: Path) -> None:
    subject = quantized(SUBJECTS[name](), "net")
    samples = loud(subject, 0.9)
    assert sum(beyond(*step, BETWEEN, above=name == DIPS) for step in steps_of(subject, samples)) == 0
    assert count_of(subject, samples, tmp_path) == 0


@pytest.mark.parametrize("name", ["convolution", "depthwise", "skip", "a table"])
def test_every_path_counts_the_same_and_keeps_the_bits(name: str, tmp_path: Path) -> None:
    subject = quantized(SUBJECTS[name](), "net")
    samples, counts = loud(subject), set()
    for i, flags in enumerate(
        [("-O0",), ("-O3", "-march=native"), ("-O3", "-march=haswell"), ("-O2", "-DNET_COUNT_SATURATIONS")]
    ):
        (tmp_path / str(i)).mkdir()
        counts.add(count_of(subject, samples, tmp_path / str(i), "gcc", *flags))
    assert len(counts) == 1
    plain, counting = (load(subject, tmp_path / str(i), "gcc", "-O3", *flags) for i, flags in enumerate([(), (COUNTING,)]))
    assert same_bits(counting.run(samples), plain.run(samples))


def test_where_relu_ends_nothing_is_counted() -> None:
    graph = quantized(SUBJECTS["relu6 that is reached"](), "net").generated.graph
    steps = [node.finish for node in graph.nodes if isinstance(node, IntegerLinear) and isinstance(node.finish, ToBytes)]
    assert [step.ends for step in steps] == [(None, None)] * 2
    assert re.search(
        r"IF_COUNTING\(INT64_MIN, INT64_MAX\)", quantized(SUBJECTS["relu6 that is reached"](), "net").generated.files["model.c"]
    )
