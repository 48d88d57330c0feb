"""Faults planted in one known layer of a network, and bundles whose artifacts have them while all else is right."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import torchferry
from builders.bundles import reseal
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.exporter.exporter import print_note, write_artifact
from torchferry.formats import registry
from torchferry.intake.source import ExportSource, Quantization
from torchferry.preprocess import Standardize

ROWS = 24
WIDTH = 8


class SixLayers(nn.Module):
    """Six linear layers with an activation, batch norm or dropout between them, and one activation that is a function."""

    slope: float
    temperature: float

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(11)
        self.preprocess = Standardize(torch.linspace(-3, 3, WIDTH), torch.linspace(0.5, 4, WIDTH))
        self.fc1, self.fc2, self.fc3 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc4, self.fc5, self.fc6 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 5)
        self.act1, self.act2, self.act3, self.act4 = nn.ReLU(), nn.Tanh(), nn.GELU(), nn.Sigmoid()
        self.norm = nn.BatchNorm1d(WIDTH)
        self.drop = nn.Dropout()
        self.slope = 0.0
        self.temperature = 1.0
        with torch.no_grad():
            for tensor in (*self.parameters(), self.norm.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.6)
            self.norm.running_var.uniform_(0.5, 2, generator=generator)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N,8] to logits and probabilities [N,5]."""
        x = self.act1(self.fc1(self.preprocess(x)))
        x = self.norm(self.act2(self.fc2(x)))
        x = self.act3(self.fc3(x))
        x = self.drop(self.act4(self.fc4(x)))
        logits = self.fc6(F.leaky_relu(self.fc5(x), self.slope))
        return logits, torch.softmax(logits / self.temperature, 1)


class BatchStatistics(nn.Module):
    """Batch norm as in training, whatever eval() is called on."""

    def __init__(self, norm: nn.BatchNorm1d) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5) * self.weight + self.bias


class Dropping(nn.Module):
    """Dropout as in training; written out, because an ONNX file has no dropout in train mode."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(torch.rand_like(x) > 0.5, 2 * x, 0 * x)


class Reversed(nn.Module):
    """The features in reverse order."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(1)


@dataclass(frozen=True)
class Fault:
    """A change of the right network, and the layer in which it is."""

    layer: str
    plant: Callable[[SixLayers], object]


def element(name: str, by: float) -> Callable[[SixLayers], object]:
    """One element of a parameter or buffer changed."""

    def plant(module: SixLayers) -> None:
        with torch.no_grad():
            module.state_dict()[name].view(-1)[-1] += by

    return plant


def replaced(name: str, make: Callable[[nn.Module], nn.Module]) -> Callable[[SixLayers], object]:
    """One layer replaced."""
    return lambda module: setattr(module, name, make(getattr(module, name)))


def scalar(name: str, value: float) -> Callable[[SixLayers], object]:
    """A number in the code replaced."""
    return lambda module: setattr(module, name, value)


def weights(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[SixLayers], object]:
    """All weights of one layer changed."""

    def plant(module: SixLayers) -> None:
        weight = module.state_dict()[f"{name}.weight"]
        weight.copy_(change(weight.clone()))

    return plant


def exchanged(module: SixLayers) -> None:
    """Two layers of one shape in each other's place."""
    module.fc3, module.fc4 = module.fc4, module.fc3


FAULTS = {
    "one weight of the first layer": Fault("fc1", element("fc1.weight", 0.1)),
    "one weight of layer 2 of 6": Fault("fc2", element("fc2.weight", 0.05)),
    "one weight of layer 3 of 6": Fault("fc3", element("fc3.weight", 0.01)),
    "one weight of layer 4 of 6": Fault("fc4", element("fc4.weight", 0.01)),
    "one weight of layer 5 of 6": Fault("fc5", element("fc5.weight", 0.01)),
    "weights of the last layer 1 % too large": Fault("fc6", weights("fc6", lambda weight: 1.01 * weight)),
    "one bias of layer 2": Fault("fc2", element("fc2.bias", 1e-3)),
    "one bias of layer 4": Fault("fc4", element("fc4.bias", 1e-3)),
    "one bias of the last layer": Fault("fc6", element("fc6.bias", 1e-3)),
    "ReLU that leaks": Fault("act1", replaced("act1", lambda _: nn.LeakyReLU(0.01))),
    "sigmoid for tanh": Fault("act2", replaced("act2", lambda _: nn.Sigmoid())),
    "GELU by its tanh formula": Fault("act3", replaced("act3", lambda _: nn.GELU(approximate="tanh"))),
    "hard sigmoid": Fault("act4", replaced("act4", lambda _: nn.Hardsigmoid())),
    "batch norm without eval": Fault("norm", replaced("norm", BatchStatistics)),  # type: ignore[arg-type]
    "batch norm with another eps": Fault("norm", lambda module: setattr(module.norm, "eps", 1e-2)),
    "batch norm with a stale variance": Fault("norm", element("norm.running_var", 0.1)),
    "dropout without eval": Fault("drop", replaced("drop", lambda _: Dropping())),
    "a mean of the preprocessing": Fault("preprocess", element("preprocess.mean", 0.1)),
    "a scale of the preprocessing": Fault("preprocess", element("preprocess.std", 0.1)),
    "no preprocessing": Fault(
        "preprocess", replaced("preprocess", lambda _: nn.Sequential(nn.Identity(), nn.Hardtanh(-1e9, 1e9)))
    ),
    "features in reverse order": Fault("preprocess", replaced("preprocess", lambda right: nn.Sequential(Reversed(), right))),
    "columns of the first layer in reverse order": Fault("fc1", weights("fc1", lambda weight: weight.flip(1))),
    "weights of layer 5 rounded to float16": Fault("fc5", weights("fc5", lambda weight: weight.half().float())),
    "two layers exchanged": Fault("fc3", exchanged),
    "an activation that is a function": Fault("into fc6", scalar("slope", 0.1)),
    "a number behind the last layer": Fault("probabilities", scalar("temperature", 1.1)),
}


def six_layers() -> SixLayers:
    """The right network: what `--run builders.faults:six_layers` names."""
    return SixLayers().eval()  # type: ignore[return-value]


def right_bundle(folder: Path, make: Callable[[], nn.Module] = six_layers, shape: str = f"float32[N,{WIDTH}]") -> Path:
    """The bundle of the right network."""
    golden = np.random.default_rng(4).normal(size=(ROWS, *map(int, shape[:-1].split(",")[1:]))).astype(np.float32)
    torchferry.export(make(), inputs={"x": shape}, outputs=["logits", "probabilities"], out=folder, golden=2 * golden, name="six")
    return folder


def plant(right: Path, module: nn.Module, folder: Path) -> Path:
    """A copy of `right` whose artifacts are those of a wrong module but for the program; program, goldens and digests are right."""
    shutil.copytree(right, folder)
    bundle = open_bundle(right)
    inputs = read_case(bundle, bundle.manifest.golden.cases[0]).inputs
    source = ExportSource(module.eval(), bundle.contract, inputs, quantization=Quantization.of_samples(inputs))
    for artifact in bundle.manifest.artifacts:
        if artifact.format != "export":
            write_artifact(registry.formats()[artifact.format], source, folder, print_note)
    reseal(folder)
    return folder


def with_fault(fault: Fault) -> nn.Module:
    """The network with that fault."""
    module = copy.deepcopy(six_layers())
    fault.plant(module)
    return module
