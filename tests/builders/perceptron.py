"""The format of cpp/examples/plugin, so that the conformance suite can be run on an engine that the project does not know.

As a pytest plugin (`-p builders.perceptron`) it adds the format to the exporters.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from torchferry.bundle.manifest import Artifact
from torchferry.bundle.writer import file_entry
from torchferry.errors import ExitCode, FerryError
from torchferry.export.exporter import EXPORTERS
from torchferry.intake.source import ExportSource

FILE = "model.perceptron"


def export(source: ExportSource, folder: Path) -> Artifact:
    """Write the weights of builders.models.Classifier as text."""
    layers = [source.module.get_submodule(name) for name in ("hidden", "output") if hasattr(source.module, name)]
    if len(layers) != 2 or not all(isinstance(layer, nn.Linear) for layer in layers):
        raise FerryError(ExitCode.FORMAT, "perceptron: got a module without two layers, expected `hidden` and `output`")
    hidden, output = layers
    sizes = [hidden.weight.shape[1], *hidden.bias.shape, *output.bias.shape]
    numbers = [float(value) for layer in layers for tensor in (layer.weight, layer.bias) for value in tensor.flatten()]
    text = ["perceptron 1", "255", " ".join(map(str, sizes)), " ".join(f"{value:.9g}" for value in numbers)]
    (folder / FILE).write_text("\n".join(text) + "\n")
    return Artifact(format="perceptron", engine="perceptron", files=(file_entry(folder, FILE),), producer="a test", requires={})


_others = dict(EXPORTERS)
EXPORTERS.clear()
EXPORTERS.update({"perceptron": export, **_others})
