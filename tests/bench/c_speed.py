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

from torchferry.bundle.contract import Contract
from torchferry.data import load_dataset
from torchferry.engines.numerics import torch_numerics
from torchferry.export.c99 import Generated, generate, generate_int8
from torchferry.export.exporter import GoldenInputs, export_bundle
from torchferry.export.source import ExportSource
from torchferry.train.recipes import find_recipe

HERE = Path(__file__).resolve().parent
FLAGS = ("-O3", "-march=native")
ROUNDS, BLOCKS, BATCH = 15, 40, 1024
TURN_NS = 20e6  # of C in one round
Turn = Callable[[], list[float]]  # one round of one contender: nanoseconds a call


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
        tables = [*mnist(Path(folder), options), adaline(Path(folder), options)]
        for _ in range(ROUNDS):
            for table in tables:
                table.play()
        for table in tables:
            table.print(["LibTorch, C++", "PyTorch eager", "onnxruntime, Python"])
        print_start(Path(folder))


@dataclass(frozen=True)
class Subject:
    """An untrained model of a recipe with real inputs: the speed does not depend on the weights."""

    name: str
    module: torch.nn.Module
    contract: Contract
    inputs: np.ndarray[Any, Any]
    bundle: Path


def subject(recipe_name: str, folder: Path, data_root: Path | None) -> Subject:
    recipe = find_recipe(recipe_name)
    dataset = load_dataset(recipe.dataset, data_root)
    module, contract = recipe.build(dataset).eval(), recipe.contract(dataset)
    inputs, bundle = dataset.test_inputs.numpy(), folder / recipe_name
    golden = GoldenInputs({contract.inputs[0].name: inputs[:64]}, "real", dataset.description)
    export_bundle(module, name=recipe_name, contract=contract, golden=golden, formats=["torchscript", "onnx"], out=bundle)
    return Subject(recipe_name, module, contract, inputs, bundle)


def mnist(folder: Path, options: argparse.Namespace) -> list[Table]:
    """Dense samples and real digits one by one, and batches."""
    model = subject("mnist-mlp", folder, options.data_root)
    rng = np.random.default_rng(0)
    dense = rng.integers(1, 256, (64, 28, 28), dtype=np.uint8)
    programs = {**ours(model, folder), **emx(model, folder, options.emx), "reading the tables once": limit(folder, 318_848)}
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
            if batch == 1 or name.startswith("torchferry")
        }
        tables.append(Table(title, {**turns, **runtimes(model, inputs[:batch], batch, options.ferry_run)}))
    return tables


def adaline(folder: Path, options: argparse.Namespace) -> Table:
    """The smallest model: what a call costs."""
    model = subject("iris-adaline", folder, None)
    turns = {name: c_turn(program, model.inputs, folder / "iris.bin", 1) for name, program in ours(model, folder).items()}
    return Table("ADALINE, batch 1", {**turns, **runtimes(model, model.inputs[:1], 1, options.ferry_run)})


# ---- C ----


def ours(model: Subject, folder: Path) -> dict[str, Path]:
    """Generated C in float32 and int8, by every compiler that is here."""
    name = model.contract.inputs[0].name
    samples = {name: model.inputs[:64]}
    program = ExportSource(model.module, model.contract, samples).program
    made = {
        "float32": generate(program, model.contract, name=model.name, goldens=samples),
        "int8": generate_int8(program, model.contract, name=model.name, goldens=samples, calibration={name: model.inputs[:512]}),
    }
    return {
        f"torchferry {kind}, {compiler}": compiled(generated, folder / f"{model.name}-{kind}-{compiler}", compiler)
        for kind, generated in made.items()
        for compiler in ("gcc", "clang")
        if shutil.which(compiler)
    }


def compiled(generated: Generated, folder: Path, compiler: str) -> Path:
    folder.mkdir()
    for name, text in generated.files.items():
        (folder / name).write_text(text)
    (folder / "contender.h").write_text(OURS.replace("NAME", generated.prefix))
    return build(folder, compiler, *FLAGS)


OURS = """\
#include "model.h"
typedef NAME_input INPUT;
static NAME_output output, outputs[1024];
static void one(const INPUT* input) { NAME_run(input, &output); }
#define BATCH(inputs, count) NAME_run_batch((inputs), outputs, (count), NULL)
"""


def build(folder: Path, compiler: str, *flags: str) -> Path:
    program = folder / "program"
    driver = HERE / "c_speed.c"
    subprocess.run([compiler, *flags, "-I", folder, "-o", program, driver, folder / "model.c", "-lm"], check=True)
    return program


def emx(model: Subject, folder: Path, command: str) -> dict[str, Path]:
    """emx-onnx-cgen's C of the bundle's ONNX file, in strict and in fast arithmetic."""
    if shutil.which(command) is None:
        print(f"\nemx-onnx-cgen left out: {command} not found")
        return {}
    found = {}
    for kind, flags in {"strict": FLAGS, "-ffast-math": (*FLAGS, "-ffast-math")}.items():
        own = folder / f"emx-{kind}"
        own.mkdir()
        arguments = ["--model-name", "emx", "--input-dim", "image:0=1", "--large-weight-threshold", str(1 << 30)]
        source = model.bundle / "model.onnx"
        subprocess.run([command, "compile", *arguments, source, own / "model.c"], check=True, capture_output=True)
        (own / "contender.h").write_text(EMX)
        found[f"emx-onnx-cgen {kind}"] = build(own, "gcc", *flags)
    return found


EMX = """\
#include <stdint.h>
typedef struct { uint8_t image[1][28][28]; } INPUT;
void emx(const uint8_t image[1][28][28], float logits[1][10], float probabilities[1][10], int64_t label[1]);
static float logits[1][10], probabilities[1][10];
static int64_t label[1];
static void one(INPUT* input) { emx(input->image, logits, probabilities, label); }
"""


def limit(folder: Path, size: int) -> Path:
    """A program that reads as many bytes as the float32 tables have, in the widest vectors."""
    own = folder / "limit"
    own.mkdir()
    (own / "model.c").write_text("")
    (own / "contender.h").write_text(LIMIT.replace("SIZE", str(size // 512 * 512)))
    return build(own, "gcc", *FLAGS)


LIMIT = """\
typedef struct { unsigned char image[784]; } INPUT;
typedef long long vector __attribute__((vector_size(64)));
static vector tables[SIZE / 64];
static volatile long long sink;
static void one(INPUT* input) {
  vector sums[8] = {{input->image[0]}};
  for (int i = 0; i < SIZE / 64; i += 8) {
    for (int k = 0; k < 8; ++k) sums[k] ^= tables[i + k];
  }
  for (int k = 1; k < 8; ++k) sums[0] ^= sums[k];
  sink = sums[0][0];
}
"""


def c_turn(program: Path, inputs: np.ndarray[Any, Any], file: Path, batch: int) -> Turn:
    """Blocks of so many calls that a turn takes some 20 ms; every digit is used at least once in a run."""
    file.write_bytes(np.ascontiguousarray(inputs).tobytes())
    mode = ["batch"] if batch > 1 else []

    def run(blocks: int, calls: int) -> list[float]:
        command = [str(program), str(file), str(len(inputs)), str(blocks), str(calls), *mode]
        return [float(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]

    calls = max(1, round(TURN_NS / BLOCKS / statistics.median(run(5, 1 if batch > 1 else 1000))))
    return lambda: run(BLOCKS, calls)


# ---- runtimes ----


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
    times, peak = [], 0
    for _ in range(100):
        start = time.perf_counter_ns()
        process = os.posix_spawn(command[0], command, os.environ)
        _, _, usage = os.wait4(process, 0)
        times.append((time.perf_counter_ns() - start) / 1e6)
        peak = max(peak, usage.ru_maxrss)
    print(
        f"\nProcess start to first answer and end, float32: {statistics.median(times):.2f} ms, peak {peak / 1024:.1f} MB resident."
    )


if __name__ == "__main__":
    main()
