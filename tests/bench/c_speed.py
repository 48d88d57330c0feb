"""How fast generated C is, float32 and int8, against PyTorch, LibTorch in C++, ONNX Runtime and emx-onnx-cgen, in turns in one run.

    .venv/bin/python tests/bench/c_speed.py --data-root DIR [--ferry-run build/bin/ferry-run] [--emx emx-onnx-cgen]

Prints Markdown for tests/bench/RESULTS.md. 784-100-10, sigmoid, with softmax and argmax, one thread. A contender that is not
installed is left out with a printed line. emx-onnx-cgen's dependencies do not fit ours: install it into a venv of its own.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from c_board import print_board
from c_contenders import FLAGS, Subject, Turn, arithmetic_limit, c_turn, emx, memory_limit, ours

from torchferry.course.data import load_dataset
from torchferry.course.train.recipes import find_recipe
from torchferry.engines.numerics import torch_numerics
from torchferry.exporter.exporter import BundleRequest, GoldenInputs, export_bundle

ROUNDS, BATCH = 15, 1024
READING, ADDING = "reading the tables once", "multiplying and adding as often"  # what no program can be faster than here


@dataclass
class Table:
    """Contenders of one kind of call, and what they took."""

    title: str
    turns: dict[str, Turn] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def play(self) -> None:
        """One round: every contender has its turn."""
        for name, turn in self.turns.items():
            self.times.setdefault(name, []).extend(turn())

    def print(self, references: Sequence[str]) -> None:
        """Medians, 99th percentiles, and how many times faster than the references."""
        known = [name for name in references if name in self.times]
        print(f"\n| {self.title} | p50 us | p99 us |" + "".join(f" times {name} |" for name in known))
        print("|---|---|---|" + "---|" * len(known))
        for name, times in sorted(self.times.items(), key=lambda item: statistics.median(item[1])):
            p50, p99 = np.percentile(times, [50, 99]) / 1e3
            ratios = "".join(f" {statistics.median(self.times[other]) / 1e3 / p50:.2f} |" for other in known)
            print(f"| {name} | {p50:.4g} | {p99:.4g} |{ratios}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    parser.add_argument("--emx", default="emx-onnx-cgen")
    options = parser.parse_args()
    torch.set_num_threads(1)
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    load = os.getloadavg()[0]
    print(f"{datetime.date.today()}, {torch_numerics()}, {compiler}, {' '.join(FLAGS)}, one thread, load {load:.1f} at the start")
    with tempfile.TemporaryDirectory() as folder:
        digits = subject("mnist-mlp", Path(folder), options.data_root)
        tables = [*mnist(digits, Path(folder), options), adaline(Path(folder), options)]
        for _ in range(ROUNDS):
            for table in tables:
                table.play()
        for table in tables:
            table.print(["LibTorch, C++", "PyTorch eager", "onnxruntime, Python"])
        print_start(Path(folder))
        print_board(digits, Path(folder))


def subject(recipe_name: str, folder: Path, data_root: Path | None) -> Subject:
    recipe = find_recipe(recipe_name)
    dataset = load_dataset(recipe.dataset, data_root)
    module, contract = recipe.build(dataset).eval(), recipe.contract(dataset)
    inputs, bundle = dataset.test_inputs.numpy(), folder / recipe_name
    golden = GoldenInputs({contract.inputs[0].name: inputs[:64]}, "real", dataset.description)
    export_bundle(
        BundleRequest(module, name=recipe_name, contract=contract, golden=golden, formats=["torchscript", "onnx"], out=bundle)
    )
    return Subject(recipe_name, module, contract, inputs, bundle)


def mnist(model: Subject, folder: Path, options: argparse.Namespace) -> list[Table]:
    """Dense samples and real digits one by one, and batches."""
    rng = np.random.default_rng(0)
    dense = rng.integers(1, 256, (64, 28, 28), dtype=np.uint8)
    programs = {
        **ours(model, folder),
        **emx(model, folder, options.emx),
        READING: memory_limit(folder, 318_848),
        ADDING: arithmetic_limit(folder, 784, 100),
    }
    cases = {
        "784-100-10, dense, batch 1": (dense, 1),
        "784-100-10, MNIST test digits, batch 1": (model.inputs, 1),
        f"784-100-10, dense, batch {BATCH}": (np.resize(dense, (BATCH, 28, 28)), BATCH),
        f"784-100-10, MNIST test digits, batch {BATCH}": (model.inputs[:BATCH], BATCH),
    }
    tables = []
    for number, (title, (inputs, batch)) in enumerate(cases.items()):
        turns = {
            name: c_turn(program, inputs, folder / f"inputs{number}.bin", batch)
            for name, program in programs.items()
            if name.startswith("torchferry") or (name != ADDING if batch == 1 else name == ADDING)
        }
        tables.append(Table(title, {**turns, **runtimes(model, inputs[:batch], batch, options.ferry_run)}))
    return tables


def adaline(folder: Path, options: argparse.Namespace) -> Table:
    """The smallest model: what a call costs."""
    model = subject("iris-adaline", folder, None)
    turns = {name: c_turn(program, model.inputs, folder / "iris.bin", 1) for name, program in ours(model, folder).items()}
    return Table("ADALINE, batch 1", {**turns, **runtimes(model, model.inputs[:1], 1, options.ferry_run)})


def runtimes(model: Subject, inputs: np.ndarray[Any, Any], batch: int, ferry_run: str) -> dict[str, Turn]:
    tensor, name = torch.from_numpy(inputs.copy()), model.contract.inputs[0].name
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model.bundle / "model.onnx"), options, providers=["CPUExecutionProvider"])
    eager = torch.inference_mode()(lambda: model.module(tensor))
    turns = {
        "PyTorch eager": python_turn(eager, batch),
        "onnxruntime, Python": python_turn(lambda: session.run(None, {name: inputs}), batch),
    }
    if shutil.which(ferry_run):
        turns["LibTorch, C++"] = libtorch_turn(model.bundle, batch, ferry_run)
    else:
        print(f"\nLibTorch in C++ left out: {ferry_run} not found")
    return turns


def python_turn(call: Callable[[], object], batch: int) -> Turn:
    count = 200 if batch == 1 else 5

    def turn() -> list[float]:
        times = []
        for _ in range(count):
            start = time.perf_counter_ns()
            call()
            times.append(float(time.perf_counter_ns() - start))
        return times[count // 10 :]

    return turn


def libtorch_turn(bundle: Path, batch: int, ferry_run: str) -> Turn:
    """The calls written directly against LibTorch, without what a session adds. Each turn gives its median: its p99 is of medians."""
    command = [ferry_run, "bench", str(bundle), "--engine", "torchscript", "--batch", str(batch), "--json"]
    command += ["--calls", "500" if batch == 1 else "10"]

    def turn() -> list[float]:
        done = subprocess.run(command, capture_output=True, check=True)
        return [1e3 * json.loads(done.stdout)["batches"][0]["direct_p50_us"]]

    return turn


def print_start(folder: Path) -> None:
    """A whole process: start, one answer, end."""
    command = [str(folder / "mnist-mlp-float32-gcc" / "program"), str(folder / "inputs0.bin"), "1", "0", "1"]
    times = []
    for _ in range(200):
        start = time.perf_counter_ns()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        times.append((time.perf_counter_ns() - start) / 1e6)
    print(
        f"\nProcess start to first answer and end, float32, started by Python: {statistics.median(times):.2f} ms, fastest {min(times):.2f} ms;"
    )
    print(f"resident at most: {' '.join(done.stdout.split()[1:])}. Load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
