"""Float32 networks of the kinds whose kernels differ on a CUDA device, and their bundles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import torchferry
from builders.shared_folder import alone
from torchferry.exporter.refused import RefusedFormatError

FORMATS = ["torchscript", "export", "aoti"]


class Recurrent(nn.Module):
    """An LSTM over a sequence, and the class of its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.memory, self.head = nn.LSTM(12, 32, batch_first=True), nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.memory(x)[0][:, -1])
        return logits


def small_mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))


def convolutional() -> nn.Module:
    """3x3 convolutions of 64 channels: where cuDNN has kernels of other algorithms (TF32, Winograd, FFT) to choose from."""
    layers: list[nn.Module] = []
    for wide, out in ((3, 64), (64, 64), (64, 128)):
        layers += [nn.Conv2d(wide, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def attentive() -> nn.Module:
    return nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "mlp": (small_mlp, "float32[N,784]"),
    "convolutions": (convolutional, "float32[N,3,16,16]"),
    "lstm": (Recurrent, "float32[N,7,12]"),
    "attention": (attentive, "float32[N,9,32]"),
}


def build_network(name: str) -> nn.Module:
    """Build a network in eval mode, with the same weights each time."""
    torch.manual_seed(0)
    return NETWORKS[name][0]().eval()


def export_network(name: str, folder: Path) -> Path:
    """Export a network once for all processes that share the folder."""
    out = folder / name
    with alone(folder, name):
        if not out.exists():
            try:
                _export(name, FORMATS, out)
            except RefusedFormatError as refusal:  # AOTInductor of some versions of torch cannot compile each network
                _export(name, [format for format in FORMATS if format != refusal.row.name], out)
    return out


def _export(name: str, formats: list[str], out: Path) -> None:
    torchferry.export(build_network(name), inputs={"x": NETWORKS[name][1]}, to=formats, out=out, note=lambda _: None)
