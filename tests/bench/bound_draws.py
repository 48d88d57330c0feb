"""How much of its bound an output needs, over many inputs drawn inside the contract: every engine beside float64.

    .venv/bin/python tests/bench/bound_draws.py [--draws 1000000] [--batch 4096] [NAME...]

A third of the inputs are uniform in the range, a third are ends of it and zeros, a third are of very unequal sizes. As Markdown for
tests/bench/RESULTS.md; exit code 1 where one of them leaves its bound.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import torchferry
from torchferry.bundle.contract import Array

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.modules import Attention, Recurrent, Residual, convolutional, normalized, settled

ENGINES = ("eager", "torchscript", "onnxruntime")


class Last(nn.Module):
    """A GRU, read at its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(6, 12, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, series: Tensor) -> Tensor:
        """Map series [N,T,6] to scores [N,3]."""
        result: Tensor = self.head(self.gru(series)[0][:, -1])
        return result


class Logits(nn.Module):
    """The first output of a module that names several."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: Tensor) -> Tensor:
        """Map images to logits."""
        result: Tensor = self.module(image)["logits"]
        return result


def layers(*sizes: int) -> nn.Module:
    """Return linear layers with ReLU between them."""
    pairs = [part for before, after in pairwise(sizes) for part in (nn.Linear(before, after), nn.ReLU())]
    return nn.Sequential(*pairs[:-1])


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "Adaline, 32": (lambda: nn.Linear(32, 1), "x", "float32[N,32]:-4..4"),
    "MLP 784-100-10": (lambda: layers(784, 100, 10), "x", "float32[N,784]:0..1"),
    "MLP 16-64-64-64-4": (lambda: layers(16, 64, 64, 64, 4), "x", "float32[N,16]:-1..1"),
    "layer norm, GELU, softmax": (normalized, "x", "float32[N,10]:-4..4"),
    "CNN, batch norm, GELU": (convolutional, "image", "float32[N,3,10,10]:-1..1"),
    "residual CNN": (lambda: Logits(Residual()), "image", "float32[N,3,6,6]:-1..1"),
    "LSTM, 2 layers, 6 steps": (Recurrent, "series", "float32[N,6,4]:-1..1"),
    "GRU, 8 steps": (Last, "series", "float32[N,8,6]:-1..1"),
    "transformer encoder": (Attention, "series", "float32[N,5,8]:-2..2"),
}


def drawn(shape: tuple[int, ...], low: float, high: float, random: np.random.Generator) -> Array:
    """Return inputs [n, ...] in the range."""
    uniform = random.uniform(low, high, shape)
    kind = random.integers(0, 3, (shape[0], *[1] * (len(shape) - 1)))
    ends = random.choice([low, high, 0.0, (low + high) / 2], shape)
    unequal = uniform * 10.0 ** random.integers(-12, 1, shape)
    return np.clip(np.where(kind == 0, uniform, np.where(kind == 1, ends, unequal)), low, high).astype(np.float32)


def batches(spec: torchferry.TensorSpec, draws: int, batch: int) -> Iterator[Array]:
    """Yield all inputs, `batch` at a time."""
    random = np.random.default_rng(1)
    sample = tuple(int(dim) for dim in spec.shape[1:])
    low, high = spec.range or (-1.0, 1.0)
    for start in range(0, draws, batch):
        yield drawn((min(batch, draws - start), *sample), low, high, random)


def measure(name: str, draws: int, batch: int) -> bool:
    """Print one row; say whether all stayed within the bound."""
    build, argument, form = NETWORKS[name]
    torch.manual_seed(0)
    module = settled(build())
    exact = copy.deepcopy(module).double()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        bundle = torchferry.export(module, inputs={argument: form}, out=Path(folder) / "bundle", note=lambda _: None)
        sessions = {engine: torchferry.Session(bundle, engine) for engine in ENGINES}
        (row,) = (row for row in bundle.manifest.tolerances if (row.engine, row.device, row.kind) == ("eager", "cpu", "absolute"))
        worst = dict.fromkeys(ENGINES, 0.0)
        for inputs in batches(bundle.contract.inputs[0], draws, batch):
            expected = exact(torch.from_numpy(inputs).double()).numpy()
            for engine, session in sessions.items():
                answer = session.run({argument: inputs})[row.output]
                worst[engine] = max(worst[engine], float(np.abs(answer - expected).max()))
    kind = "certified" if ": certified" in row.reason else "estimated"
    shares = " | ".join(f"{worst[engine] / row.bound:.4f}" for engine in ENGINES)
    print(f"| {name} | {kind} | {row.bound:.3g} | {shares} | {time.monotonic() - begun:.0f} |", flush=True)
    return max(worst.values()) <= row.bound


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--draws", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=4096)
    options = parser.parse_args()
    print(f"| {options.draws:,} draws | bound | | {' | '.join(ENGINES)} | s |\n|---|---|---|{'---|' * (len(ENGINES) + 1)}")
    rows = [measure(name, options.draws, options.batch) for name in options.names or NETWORKS]
    return int(not all(rows))


if __name__ == "__main__":
    sys.exit(main())
