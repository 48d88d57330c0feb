"""Networks that generated C is tested with: other shapes than ours, every operator, odd graphs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Subject, subject_of
from torchferry.preprocess import Standardize, UnitScale

Array = NDArray[Any]
P = ParamSpec("P")


def once(make: Callable[P, Subject]) -> Callable[P, Subject]:
    """Export the subject of the same numbers once a process: `torch.export` takes longer than the C compiler. Arrays are not compared."""
    kept = cache(make)

    @wraps(make)
    def made(*args: P.args, **options: P.kwargs) -> Subject:
        has_arrays = any(isinstance(value, np.ndarray) for value in options.values())
        return make(*args, **options) if has_arrays else kept(*args, **options)

    return made


UNARY: dict[str, nn.Module] = {
    "relu": nn.ReLU(),
    "relu_inplace": nn.Sequential(nn.Identity(), nn.ReLU(inplace=True)),
    "leaky_relu": nn.LeakyReLU(0.07),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(),
    "elu": nn.ELU(0.8),
    "selu": nn.SELU(),
    "celu": nn.CELU(1.3),
    "hardsigmoid": nn.Hardsigmoid(),
    "hardswish": nn.Hardswish(),
    "hardtanh": nn.Hardtanh(-0.4, 1.1),
    "relu6": nn.ReLU6(),
    "threshold": nn.Threshold(0.1, -0.3),
    "softmax": nn.Softmax(dim=1),
    "log_softmax": nn.LogSoftmax(dim=-1),
    "batch_norm": nn.BatchNorm1d(7),
    "dropout": nn.Dropout(0.9),
}


class Fork(nn.Module):
    """Every operator on the same numbers, one output each."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({name: part for name, part in UNARY.items() if name != "relu_inplace"})
        self.offset = nn.Parameter(torch.linspace(-1.0, 1.0, 7))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        results = [part(x) for part in self.parts.values()]
        results += [x + self.offset, 2.5 - x, x * x, x / (x.abs() + 1), -x, 1 / (x.abs() + 2), x.clamp(min=0.1), x.clamp(max=0.2)]
        results += [
            torch.where(x > 0.3, x, self.offset),
            torch.exp(x),
            (x >= self.offset),
            x.argmax(1),
            (x * 1.0).reshape(-1, 7, 1),
        ]
        return tuple(results)

    @property
    def names(self) -> tuple[str, ...]:
        return (
            *self.parts,
            *(
                "add_vector",
                "rsub",
                "square",
                "div",
                "neg",
                "reciprocal",
                "clamp_min",
                "clamp_max",
                "where",
                "exp",
                "compare",
                "argmax",
                "reshape",
            ),
        )


class Residual(nn.Module):
    """x + f(x) twice, with one value used in two places, a gate of one number, and odd widths."""

    def __init__(self, width: int = 37) -> None:
        super().__init__()
        self.first, self.second, self.gate, self.last = (
            nn.Linear(width, width),
            nn.Linear(width, width),
            nn.Linear(width, 1),
            nn.Linear(width, 5),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = x + torch.tanh(self.first(x))
        h = h + nn.functional.gelu(self.second(h)) * torch.sigmoid(self.gate(h))
        return self.last(h), h


def randomised(module: nn.Module, seed: int) -> nn.Module:
    """Batch norms with statistics, as after training. From NumPy: torch.randn gives other bits with other vector widths."""
    rng = np.random.default_rng(seed)

    def numbers(count: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal(count).astype(np.float32))

    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            part.running_mean, part.running_var = numbers(part.num_features), numbers(part.num_features).abs() + 0.2
            part.weight.data, part.bias.data = numbers(part.num_features), numbers(part.num_features)
    return module


def normal(count: int, *shape: int, seed: int = 0) -> Array:
    """Standard normal samples in float32."""
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


@once
def fork(seed: int = 0, count: int = 40) -> Subject:
    """Every operator."""
    torch.manual_seed(seed)
    module = randomised(Fork(), seed)
    samples = {"x": normal(count, 7, seed=seed) * np.float32(3)}
    return subject_of(module, (spec("x", shape=("N", 7)),), module.names, samples, name="fork")


@once
def dense(*widths: int, activation: type[nn.Module] = nn.ReLU, seed: int = 0, count: int = 30) -> Subject:
    """A chain of Linear layers on float32 input."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    module = nn.Sequential(*layers[:-1])
    return subject_of(
        module, (spec("x", shape=("N", widths[0])),), ("y",), {"x": normal(count, widths[0], seed=seed)}, name="dense"
    )


class ImageNet(nn.Module):
    """Bytes -> UnitScale -> Flatten -> Linear -> sigmoid -> Linear -> logits, probabilities, label."""

    def __init__(self, height: int, width: int, hidden: int, classes: int, activation: nn.Module) -> None:
        super().__init__()
        self.preprocess = nn.Sequential(UnitScale(255.0), nn.Flatten())
        self.network = nn.Sequential(nn.Linear(height * width, hidden), activation, nn.Linear(hidden, classes))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits = self.network(self.preprocess(image))
        return logits, logits.softmax(1), logits.argmax(1)


@once
def image_net(
    height: int,
    width: int,
    hidden: int,
    classes: int = 10,
    *,
    seed: int = 0,
    images: Array | None = None,
    activation: type[nn.Module] = nn.Sigmoid,
) -> Subject:
    """`images` [N, height, width] uint8; without them: sparse noise, every third image dense."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    if images is None:
        images = rng.integers(0, 256, (30, height, width), dtype=np.uint8)
        keep = np.where(np.arange(30) % 3 == 0, 1.0, 0.2)[:, None, None]
        images = np.where(rng.random(images.shape) < keep, images, 0).astype(np.uint8)
    module = ImageNet(height, width, hidden, classes, activation())
    names = ("logits", "probabilities", "label")
    return subject_of(module, (spec("image", "uint8", ("N", height, width)),), names, {"image": images}, name="image_net")


@once
def residual(width: int = 37, seed: int = 0) -> Subject:
    """Two residual blocks and a gate."""
    torch.manual_seed(seed)
    return subject_of(
        Residual(width), (spec("x", shape=("N", width)),), ("y", "hidden"), {"x": normal(30, width, seed=seed)}, name="residual"
    )


@once
def standardized(features: int = 4, outputs: int = 1, seed: int = 0) -> Subject:
    """Standardize -> Linear, as in ADALINE, on numbers with large means."""
    torch.manual_seed(seed)
    mean, std = torch.rand(features) * 50 + 1, torch.rand(features) + 0.1
    module = nn.Sequential(Standardize(mean, std), nn.Linear(features, outputs))
    samples = {"x": normal(30, features, seed=seed) * std.numpy() + mean.numpy()}
    return subject_of(module, (spec("x", shape=("N", features)),), ("y",), samples, name="standardized")


@once
def deep(depth: int = 12, width: int = 24, seed: int = 0) -> Subject:
    """Linear, BatchNorm1d, LeakyReLU, Dropout, many times."""
    torch.manual_seed(seed)
    block = [
        part for _ in range(depth) for part in (nn.Linear(width, width), nn.BatchNorm1d(width), nn.LeakyReLU(), nn.Dropout())
    ]
    module = randomised(nn.Sequential(*block, nn.Linear(width, 3)), seed)
    return subject_of(module, (spec("x", shape=("N", width)),), ("y",), {"x": normal(30, width, seed=seed)}, name="deep")


FLOAT_SUBJECTS: dict[str, Callable[[], Subject]] = {
    "every operator": fork,
    "one number to one number": lambda: dense(1, 1),
    "one input": lambda: dense(1, 50, 3),
    "one output of many inputs": lambda: dense(1000, 1),
    "two outputs of many inputs": lambda: dense(333, 2),
    "odd widths": lambda: dense(13, 17, 19, 5, activation=nn.Tanh),
    "widths at the edges of vectors": lambda: dense(15, 16, 47, 48, 49, 64),
    "wider than a panel": lambda: dense(20, 129, 300, 1000, 7, activation=nn.SiLU),
    "exactly one and two panels": lambda: dense(9, 128, 256, 4),
    "1000 wide": lambda: dense(100, 1000, 1000, 10),
    "bytes, sparse and dense": lambda: image_net(28, 28, 100),
    "bytes, odd": lambda: image_net(5, 7, 61, 3, activation=nn.ReLU),
    "bytes, one hidden unit": lambda: image_net(3, 3, 1, 2),
    "residual and gate": residual,
    "standardized": standardized,
    "deep with batch norm": deep,
}

# What int8 is tried on.
QUANTIZED_SUBJECTS: dict[str, Callable[[], Subject]] = {
    "bytes": lambda: image_net(28, 28, 100),
    "bytes, odd": lambda: image_net(5, 7, 61, 3, activation=nn.ReLU),
    "bytes, one hidden unit": lambda: image_net(3, 3, 1, 2, activation=nn.GELU),
    "floats with negative activations": lambda: dense(13, 17, 19, 5, activation=nn.Tanh),
    "one number to one number": lambda: dense(1, 1),
    "wider than a panel": lambda: dense(20, 129, 300, 144, 16, 7, activation=nn.SiLU),
    "residual and gate": residual,
    "standardized": lambda: standardized(6, 4),
    "deep with batch norm": lambda: deep(depth=4),
}
