"""Writes a classifier of one hidden layer as text, which perceptron.cpp describes."""

from pathlib import Path

from torch import nn

from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource, Written

FILE = "model.perceptron"
SCALE = 255  # the module divides its inputs by it


def export(source: ExportSource, folder: Path) -> Written:
    """Write model.perceptron from the layers `hidden` and `output`. Raises FerryError(FORMAT) for a module without them."""
    layers = [getattr(source.module, name, None) for name in ("hidden", "output")]
    if not all(isinstance(layer, nn.Linear) for layer in layers):
        raise FerryError(ExitCode.FORMAT, "perceptron: got a module without two layers, expected `hidden` and `output`")
    hidden, output = layers
    sizes = [hidden.in_features, hidden.out_features, output.out_features]
    numbers = [float(value) for layer in layers for tensor in (layer.weight, layer.bias) for value in tensor.detach().flatten()]
    lines = ["perceptron 1", str(SCALE), " ".join(map(str, sizes)), " ".join(f"{value:.9g}" for value in numbers)]
    (folder / FILE).write_text("\n".join(lines) + "\n")
    return Written((FILE,), "ferry-perceptron 1")
