"""How fast the crossing is: every engine of a bundle in Python and C++, in turns in one run, and whole-process start-up.

    .venv/bin/python tests/bench/crossing_speed.py [BUNDLE] [--ferry-run build/bin/ferry-run]

Prints Markdown for tests/bench/RESULTS.md. Times are medians over rounds; in each round every engine has its turn.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import time
from collections.abc import Callable

import numpy as np
import torch

from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.engines.base import Session
from torchferry.engines.numerics import torch_numerics
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry

BATCHES = (1, 64, 1024)
ROUNDS = 7
PROCESS_ROUNDS = 15
SECONDS_PER_TURN = 0.2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", nargs="?", default="exported/digits-mlp")
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    options = parser.parse_args()
    bundle = open_bundle(options.bundle)
    print(f"{datetime.date.today()}, {torch_numerics()}, 1 thread; `python tests/bench/crossing_speed.py {options.bundle}`\n")
    print_calls(bundle, options.ferry_run)
    print_processes(bundle, options.ferry_run)


def print_calls(bundle: Bundle, ferry_run: str) -> None:
    """Microseconds a call: engines in Python, then in C++ with the same loop written directly against the runtime."""
    python = {name: session for name in registry.engines() if (session := open_session(bundle, name)) is not None}
    cpp = cpp_engines(bundle, ferry_run)
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for batch in BATCHES:
            inputs = tile(bundle, batch)
            for name, session in python.items():
                times.setdefault((f"{name}, Python", batch), []).append(time_calls(lambda s=session, x=inputs: s.run(x)))
        for name in cpp:
            for figures in bench(bundle, ferry_run, name):
                times.setdefault((f"{name}, C++", figures["batch"]), []).append(figures["p50_us"])
                if figures.get("direct_p50_us") is not None:
                    times.setdefault((f"{name}, C++ written against the runtime", figures["batch"]), []).append(
                        figures["direct_p50_us"]
                    )
    print("| us a call, batch | " + " | ".join(map(str, BATCHES)) + " |\n|---|" + "---|" * len(BATCHES))
    for name in dict.fromkeys(name for name, _ in times):
        print(f"| {name} | " + " | ".join(f"{statistics.median(times[name, batch]):.1f}" for batch in BATCHES) + " |")


def print_processes(bundle: Bundle, ferry_run: str) -> None:
    """Milliseconds of whole processes."""
    sample = next(iter(bundle.manifest.golden.cases[-1].inputs.values()))
    predict = ["predict", str(bundle.folder), "--input", str(bundle.folder / sample.path)]
    commands = {
        "`ferry-run inspect`": [ferry_run, "inspect", str(bundle.folder)],
        "`ferry inspect`": [".venv/bin/ferry", "inspect", str(bundle.folder)],
        **{
            f"`ferry-run predict` of one sample, {name}": [ferry_run, *predict, "--engine", name, "--allow-native"]
            for name in cpp_engines(bundle, ferry_run)
        },
        "`ferry predict` of one sample, torchscript": [".venv/bin/ferry", *predict, "--engine", "torchscript"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(PROCESS_ROUNDS):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(1e3 * (time.perf_counter() - start))
    print("\n| whole process | ms |\n|---|---|")
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.1f} |")


def open_session(bundle: Bundle, engine: str) -> Session | None:
    """A session, or None where the engine cannot run this bundle here."""
    try:
        return Session(bundle, engine, allow_native=True)
    except FerryError as error:
        if error.code != ExitCode.UNAVAILABLE:
            raise
        return None


def cpp_engines(bundle: Bundle, ferry_run: str) -> list[str]:
    command = [ferry_run, "verify", str(bundle.folder), "--allow-native", "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    return [engine["engine"] for engine in json.loads(done.stdout)["engines"] if engine["status"] != "unavailable"]


def bench(bundle: Bundle, ferry_run: str, engine: str) -> list[dict[str, float]]:
    batches = ",".join(map(str, BATCHES))
    command = [ferry_run, "bench", str(bundle.folder), "--engine", engine, "--batch", batches, "--allow-native", "--json"]
    figures: list[dict[str, float]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["batches"]
    return figures


def tile(bundle: Bundle, batch: int) -> dict[str, Array]:
    """The largest golden case repeated to `batch` samples."""
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    return {name: np.resize(array, (batch, *array.shape[1:])) for name, array in case.inputs.items()}


def time_calls(call: Callable[[], object]) -> float:
    """Median microseconds of a call."""
    call()
    times: list[float] = []
    end = time.perf_counter() + SECONDS_PER_TURN
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(1e6 * (time.perf_counter() - start))
    return statistics.median(times)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
