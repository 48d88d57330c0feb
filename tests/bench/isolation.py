"""What isolation costs: a start and a call of `ferry-run` with it and without, engine by engine, in turns in one run.

    .venv/bin/python tests/bench/isolation.py [--ferry-run build/bin/ferry-run] [--rounds 40]

Trains digits-mlp, exports it for every engine and prints Markdown for tests/bench/RESULTS.md. A start is the whole process of
`ferry-run predict` of one sample, the fastest of all rounds; a call is the median of `ferry-run bench`. The limits are 5 ms a start and 20 us a call.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from torchferry.engines.numerics import torch_numerics

FORMATS = "torchscript,onnx,aoti,executorch,c"
ENGINES = ("c", "executorch", "onnxruntime", "aoti", "torchscript")
WAYS = ("--no-isolate", "--isolate")
BATCHES = (1, 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle, sample = prepare(Path(folder))
        starts = {engine: time_starts(options.ferry_run, bundle, sample, engine, options.rounds) for engine in ENGINES}
        calls = {engine: time_calls(options.ferry_run, bundle, engine) for engine in ENGINES}
    print(f"{datetime.date.today()}, {torch_numerics()}; `python tests/bench/isolation.py --rounds {options.rounds}`\n")
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


def time_calls(ferry_run: str, bundle: Path, engine: str) -> list[tuple[float, float]]:
    """Return, for each batch size, the microseconds of a call without isolation and with it."""
    found = []
    for way in WAYS:
        sizes = ",".join(map(str, BATCHES))
        command = [ferry_run, "bench", str(bundle), "--engine", engine, "--allow-native", "--batch", sizes, "--json", way]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        found.append([entry["p50_us"] for entry in json.loads(done.stdout)["batches"]])
    return list(zip(*found, strict=True))


if __name__ == "__main__":
    main()
