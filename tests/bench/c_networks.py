"""How fast the C of whole networks is, in float32 and int8, against ONNX Runtime, ExecuTorch and LibTorch in C++ and the arithmetic limit, in turns in one run.

    python tests/bench/c_networks.py --cases FOLDER [--ferry-run build/bin/ferry-run] [--rounds 15] [NETWORK ...]

Prints Markdown for tests/bench/RESULTS.md. FOLDER has edge_networks.py, whose `networks()` gives modules with specs and goldens; c_sequences.py
adds gru_64, lstm_64 and attention_64. Batch 1, one thread. `least` is the fastest block: on a machine with other load the only number that
tells of the program alone.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from c_board import count_of_board
from c_contenders import FLAGS, Turn, c_turn, compiled, multiplications_limit
from c_sequences import MULTIPLICATIONS, sequences
from torch import nn

from torchferry.bundle.contract import Contract, TensorSpec, batch_symbols
from torchferry.cgen import Generated, generate, generate_int8
from torchferry.engines.numerics import torch_numerics
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle
from torchferry.intake.source import ExportSource

Array = np.ndarray[Any, Any]
DIRECT = {"onnxruntime, C++": "onnxruntime", "ExecuTorch, C++": "executorch", "LibTorch, C++": "torchscript"}
LIMIT = "multiplying and adding as often"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--board", action="store_true", help="count instructions on a Cortex-M4F as well")
    parser.add_argument(
        "names", nargs="*", default=["keyword_spotting", "visual_wake_words", "image_classification", "anomaly_detection"]
    )
    options = parser.parse_args()
    sys.path.insert(0, str(options.cases))
    torch.set_num_threads(1)
    from edge_networks import networks  # type: ignore[import-not-found]  # of the folder that the user names

    print(
        f"{datetime.date.today()}, {torch_numerics()}, {' '.join(FLAGS)}, one thread, load {os.getloadavg()[0]:.1f} at the start"
    )
    made = {**networks(), **sequences()}
    for name in options.names:
        with tempfile.TemporaryDirectory() as folder:
            measure(name, made[name][0], made[name][2], Path(folder), options)


def measure(name: str, module: nn.Module, goldens: dict[str, Array], folder: Path, options: Any) -> None:
    """Print the table of one network with one input."""
    ((given, samples),) = goldens.items()
    contract = contract_of(module, goldens)
    program = ExportSource(module, contract, goldens).program
    generated = generate(program, contract, name=name, goldens=goldens)
    bytewise = generate_int8(program, contract, name=name, goldens=goldens, calibration=goldens)
    turns = {
        f"torchferry{kind}, {compiler}": c_turn(
            compiled(made, folder / f"{compiler}{kind}", compiler), samples, folder / "inputs.bin", 1, 20
        )
        for compiler in ("gcc", "clang")
        if shutil.which(compiler)
        for kind, made in (("", generated), (" int8", bytewise))
    }
    count = MULTIPLICATIONS.get(name) or multiplications(module, goldens[given][:1])
    turns[LIMIT] = c_turn(multiplications_limit(folder, count), samples, folder / "inputs.bin", 1, 20)
    turns |= direct_turns(module, contract, goldens, name, folder, options.ferry_run)
    times: dict[str, list[float]] = {turn: [] for turn in turns}
    for _ in range(options.rounds):
        for turn, play in turns.items():
            times[turn] += play()
    print_times(f"{name}, {count:,} multiply-adds", times)
    if options.board:
        print_board(name, generated, samples[0], folder)


def contract_of(module: nn.Module, goldens: dict[str, Array]) -> Contract:
    """Return the contract of inputs with a free batch and one output y."""
    with torch.no_grad():
        made = module(*(torch.from_numpy(array) for array in goldens.values()))
    inputs = tuple(_spec(name, array.dtype.name, array.shape) for name, array in goldens.items())
    outputs = (_spec("y", "float32", made.shape),)
    symbols = batch_symbols(*inputs, *outputs)
    return Contract(inputs=inputs, outputs=outputs, symbols=symbols, classes=None, samples="independent")


def _spec(name: str, dtype: str, shape: Sequence[int]) -> TensorSpec:
    rest = {"range": None, "unit": None, "allow_nonfinite": False}
    return TensorSpec.model_validate({"name": name, "dtype": dtype, "shape": ("N", *shape[1:]), **rest})


def multiplications(module: nn.Module, sample: Array) -> int:
    """Count what convolutions and linear layers multiply for one sample."""
    found: list[int] = []

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        found.append(weight[0].numel() * output.numel())

    hooks = [layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        module(torch.from_numpy(sample))
    for hook in hooks:
        hook.remove()
    return sum(found)


def direct_turns(
    module: nn.Module, contract: Contract, goldens: dict[str, Array], name: str, folder: Path, ferry_run: str
) -> dict[str, Turn]:
    """Return the turns of calls written directly against each runtime, without what a session adds; a turn gives its median."""
    if shutil.which(ferry_run) is None:
        print(f"\nthe runtimes in C++ left out: {ferry_run} not found")
        return {}
    bundle, golden = folder / "bundle", GoldenInputs(goldens, "synthetic", "the goldens of the network")
    formats = ["torchscript", "onnx", "executorch"]
    export_bundle(
        BundleRequest(module, name=name.replace("_", "-"), contract=contract, golden=golden, formats=formats, out=bundle)
    )

    def of(engine: str) -> Callable[[], list[float]]:
        command = [ferry_run, "bench", str(bundle), "--engine", engine, "--batch", "1", "--json", "--calls", "100"]

        def turn() -> list[float]:
            done = subprocess.run(command, capture_output=True, check=True)
            return [1e3 * json.loads(done.stdout)["batches"][0]["direct_p50_us"]]

        return turn

    return {label: of(engine) for label, engine in DIRECT.items()}


def print_times(title: str, times: dict[str, Sequence[float]]) -> None:
    """Print medians and least times, and both as parts of the limit and of the faster of two runtimes."""
    rivals = [name for name in list(DIRECT)[:2] if name in times]
    print(
        f"\n| {title} | p50 us | least us | limit / p50 | least / least | best runtime / p50 | least / least |\n|---|---|---|---|---|---|---|"
    )
    limit, least = statistics.median(times[LIMIT]), min(times[LIMIT])
    best, fastest = (min((of(times[name]) for name in rivals), default=float("nan")) for of in (statistics.median, min))
    for name, found in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        p50, low = statistics.median(found), min(found)
        ratios = f"{limit / p50:.2f} | {least / low:.2f} | {best / p50:.2f} | {fastest / low:.2f}"
        print(f"| {name} | {p50 / 1e3:.4g} | {low / 1e3:.4g} | {ratios} |")


def print_board(name: str, generated: Generated, sample: Array, folder: Path) -> None:
    """Print instructions of a call on a Cortex-M4F, counted by QEMU."""
    counts = [
        f"gcc {level} {count_of_board(generated, sample, folder / f'board{level}', level):,}" for level in ("-O2", "-O3", "-Os")
    ]
    print(f"\n{name} on Cortex-M4F, instructions a call: {', '.join(counts)}")


if __name__ == "__main__":
    main()
