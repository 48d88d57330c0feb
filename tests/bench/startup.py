"""What one answer costs as a whole process: `ferry-run predict` of one sample with each engine, in turns in one run.

    .venv/bin/python tests/bench/startup.py [--ferry-run build/bin/ferry-run] [--rounds 15]

Trains digits-mlp, exports it for every engine and prints Markdown for tests/bench/RESULTS.md: wall time, peak memory and the
sizes of the shared libraries that the process loads. The yardstick is a program that only links LibTorch and does nothing.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from torchferry.engines.numerics import torch_numerics

FORMATS = "torchscript,onnx,aoti,executorch"
ENGINES = ("torchscript", "aoti", "executorch", "onnxruntime")
YARDSTICK = "a program that only links LibTorch"


@dataclass
class Cost:
    """Measurements of one command: milliseconds of each round, MiB at its peak and of the libraries that it loads."""

    command: list[str]
    times: list[float] = field(default_factory=list)
    peak: float = 0.0
    libraries: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(prepare(Path(folder), options.ferry_run), options.rounds)
    print(f"{datetime.date.today()}, {torch_numerics()}; `python tests/bench/startup.py --rounds {options.rounds}`\n")
    print_table(costs)


def prepare(folder: Path, ferry_run: str) -> dict[str, Cost]:
    """The commands by name; those of engines that cannot run here are left out with a line."""
    ferry = [sys.executable, "-m", "torchferry"]
    run, bundle, sample = folder / "run", folder / "digits-mlp", folder / "sample.npy"
    subprocess.run([*ferry, "train", "digits-mlp", "--out", str(run)], check=True, stdout=subprocess.DEVNULL)
    export = [*ferry, "export", str(run), "--to", FORMATS, "--out", str(bundle)]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    np.save(sample, np.zeros((1, 8, 8), np.uint8))
    costs = {YARDSTICK: Cost([str(link_only(folder))]), "`ferry-run inspect`": Cost([ferry_run, "inspect", str(bundle)])}
    for engine in ENGINES:
        command = [ferry_run, "predict", str(bundle), "--engine", engine, "--input", str(sample), "--allow-native"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            costs[f"`ferry-run predict --engine {engine}`"] = Cost(command)
        else:
            print(f"left out: {engine}: {done.stderr.strip()}", file=sys.stderr)
    return costs


def link_only(folder: Path) -> Path:
    """Compile `int main() {}` with LibTorch among its needed libraries."""
    library = Path(torch.__file__).parent / "lib"
    source, program = folder / "link.cpp", folder / "link"
    source.write_text("int main() {}\n")
    libraries = ["-Wl,--no-as-needed", f"-L{library}", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{library}"]
    subprocess.run(["c++", str(source), "-o", str(program), *libraries], check=True)
    return program


def measure(costs: dict[str, Cost], rounds: int) -> dict[str, Cost]:
    for cost in costs.values():
        cost.libraries = library_size(cost.command)
        cost.peak = max(peak_memory(cost.command) for _ in range(5))
    for _ in range(rounds):
        for cost in costs.values():
            start = time.perf_counter()
            subprocess.run(cost.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            cost.times.append(1e3 * (time.perf_counter() - start))
    return costs


def peak_memory(command: list[str]) -> float:
    """MiB resident at most, asked again and again while it runs: what wait4 tells begins with this interpreter's own peak."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(found[1]) if found else 0)
    return peak / 1024


def library_size(command: list[str]) -> float:
    """MiB of the files that the dynamic loader maps, by its own account."""
    with tempfile.TemporaryDirectory() as folder:
        account = {**os.environ, "LD_DEBUG": "files", "LD_DEBUG_OUTPUT": f"{folder}/log"}
        subprocess.run(command, env=account, capture_output=True, check=True)
        text = "".join(file.read_text(errors="replace") for file in Path(folder).iterdir())
    files = {Path(name).resolve() for name in re.findall(r"calling init: (/\S+)", text)}
    return sum(file.stat().st_size for file in files if file.exists()) / 2**20


def print_table(costs: dict[str, Cost]) -> None:
    yardstick = statistics.median(costs[YARDSTICK].times)
    print("| whole process | ms (median) | fastest | times the yardstick | peak MiB | libraries MiB |\n|---|---|---|---|---|---|")
    for name, cost in costs.items():
        median = statistics.median(cost.times)
        print(
            f"| {name} | {median:.1f} | {min(cost.times):.1f} | {median / yardstick:.2f} | {cost.peak:.1f} | {cost.libraries:.0f} |"
        )


if __name__ == "__main__":
    main()
