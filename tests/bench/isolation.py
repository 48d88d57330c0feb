"""What isolation costs: a start and a call of `ferry-run` with it and without, engine by engine, in turns in one run.

    .venv/bin/python tests/bench/isolation.py [--ferry-run build/bin/ferry-run] [--rounds 40]

Trains digits-mlp, exports it for every engine and prints Markdown for tests/bench/RESULTS.md. A start is the whole process of
`ferry-run predict` of one sample, the fastest of all rounds. A call is the median of tests/bench/isolated_calls.cpp, which takes
turns in one process. The limits are 5 ms a start and 20 us a call.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from torch import nn

import torchferry
from torchferry.engines.numerics import torch_numerics

FORMATS = "torchscript,onnx,aoti,executorch,c"
ENGINES = ("c", "executorch", "onnxruntime", "aoti", "torchscript")
WAYS = ("--no-isolate", "--isolate")
BATCHES = (1, 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    parser.add_argument("--calls", default="build/tests/bin/ferry_isolated_calls")  # of a build with -DFERRY_BUILD_BENCH=ON
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle, sample = prepare(Path(folder))
        starts = {engine: time_starts(options.ferry_run, bundle, sample, engine, options.rounds) for engine in ENGINES}
        calls = {engine: [time_calls(options.calls, bundle, engine, batch)[:2] for batch in BATCHES] for engine in ENGINES}
        print_networks(options.calls, Path(folder), options.rounds)
    print(
        f"\n{datetime.date.today()}, load {os.getloadavg()[0]:.0f}, {torch_numerics()}; `python tests/bench/isolation.py --rounds {options.rounds}`\n"
    )
    print("| engine | start, ms | isolated | more | batch 1, us | isolated | more | batch 1024, us | isolated | more |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for engine in ENGINES:
        pairs = [starts[engine], *calls[engine]]
        print(f"| {engine} | " + " | ".join(f"{here:.1f} | {cell:.1f} | {cell - here:.1f}" for here, cell in pairs) + " |")


def prepare(folder: Path) -> tuple[Path, Path]:
    """Return a bundle for every engine, and one sample."""
    ferry = [sys.executable, "-m", "torchferry"]
    run, bundle, sample = folder / "run", folder / "digits-mlp", folder / "sample.npy"
    subprocess.run([*ferry, "train", "digits-mlp", "--out", str(run)], check=True, stdout=subprocess.DEVNULL)
    export = [*ferry, "export", str(run), "--to", FORMATS, "--out", str(bundle)]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    np.save(sample, np.zeros((1, 8, 8), np.uint8))
    return bundle, sample


def time_starts(ferry_run: str, bundle: Path, sample: Path, engine: str, rounds: int) -> tuple[float, float]:
    """Return the milliseconds of a whole process without isolation and with it: the fastest of runs in turns."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            command = [ferry_run, "predict", str(bundle), "--engine", engine, "--allow-native", "--input", str(sample), way]
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times[way].append(1e3 * (time.perf_counter() - start))
    return min(times["--no-isolate"]), min(times["--isolate"])


def time_calls(calls: str, bundle: Path, engine: str, batch: int, pause_us: int = 0, count: int = 500) -> list[float]:
    """Return the medians in microseconds of a call without isolation and with it, and the processor time that each took here."""
    command = [calls, bundle, engine, str(batch), str(pause_us), str(count)]
    plugins = {"FERRY_ENGINE_DIR": str(Path(calls).resolve().parents[2] / "lib" / "ferry")}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env={**os.environ, **plugins})
    return [float(word) for word in done.stdout.split()]


def print_networks(calls: str, folder: Path, rounds: int) -> None:
    """Print what isolation adds to calls of some lengths, one after the other and with 10 ms between them."""
    print("| layers | pause, ms | call, us | more | from | to | processor, us | isolated |")
    print("|---|---|---|---|---|---|---|---|")
    for layers in (3, 10, 50):
        bundle = folder / f"layers-{layers}"
        parts = [nn.Linear(64, 512), *(part for _ in range(layers) for part in (nn.ReLU(), nn.Linear(512, 512)))]
        torchferry.export(nn.Sequential(*parts).eval(), inputs={"x": "float32[N,64]:0..1"}, out=bundle, to=("onnx",))
        for pause_us, count in ((0, 300), (10_000, 30)):
            found = np.array([time_calls(calls, bundle, "onnxruntime", 1, pause_us, count) for _ in range(rounds)])
            more = found[:, 1] - found[:, 0]
            here, _, used, used_isolated = np.median(found, axis=0)
            figures = (here, np.median(more), more.min(), more.max(), used, used_isolated)
            print(f"| {layers} | {pause_us // 1000} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
