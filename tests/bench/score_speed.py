"""How many rows a second `ferry score` answers in this process and on 1 and 2 workers of Ray, start included and excluded.

    .venv/bin/python tests/bench/score_speed.py BUNDLE [--rows 2000000] [--rounds 1] [-- options of ferry score]

Start included is the time of the whole command. Start excluded counts from the first part that is there to the last, without the
rows of those that were there first. A run with parts of one small call says what a part costs besides its rows: the driver's
messages and the files. Prints Markdown for tests/bench/RESULTS.md, and the times that score_simulation.py takes.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle

PART_ROWS, SMALL_ROWS, SMALL_PARTS = 16_384, 16, 1500


@dataclass(frozen=True)
class Measured:
    """Seconds of the command, until its first part, and between first and last; rows between these."""

    wall: float
    first: float
    steady: float
    rows: int
    parts: int


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    own, _, given = " ".join(sys.argv[1:]).partition(" -- ")
    options = parser.parse_args(own.split())
    options.score = given.split()  # options of ferry score
    places = {"this process": ["--local"], "1 worker": ["--workers", "1"], "2 workers": ["--workers", "2"]}
    print(
        f"{datetime.date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}; `score_speed.py {options.bundle.name}`\n"
    )
    print("| where | rows | s in all | rows/s, start included | s until the first part | rows/s, start excluded |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder, rates = Path(name), {}
        large, small = inputs(options.bundle, folder, options.rows), inputs(options.bundle, folder, SMALL_ROWS * SMALL_PARTS)
        for place, where in places.items():
            found = [score(options, large, folder / "out", PART_ROWS, where) for _ in range(options.rounds)]
            best = min(found, key=lambda one: one.wall)
            first = statistics.median(one.first for one in found)
            rates[place] = best.rows / best.steady
            print(
                f"| {place} | {options.rows} | {best.wall:.1f} | {options.rows / best.wall:.0f} | {first:.1f} | {rates[place]:.0f} |",
                flush=True,
            )
        print(f"\nTwo workers against one: {rates['2 workers'] / rates['1 worker']:.2f} times the rows a second, start excluded.")
        tiny = score(options, small, folder / "out", SMALL_ROWS, ["--workers", "2", "--batch", str(SMALL_ROWS)])
        print(f"A part of {SMALL_ROWS} rows: {tiny.steady / tiny.parts * 1e3:.2f} ms on 2 workers, {tiny.parts} parts.")


def inputs(bundle: Path, folder: Path, rows: int) -> Path:
    """A file of so many rows, from the goldens."""
    opened = open_bundle(bundle)
    (spec,) = opened.contract.inputs
    golden = read_case(opened, opened.manifest.golden.cases[0]).inputs[spec.name]
    path = folder / f"rows-{rows}.npy"
    np.save(path, golden[np.arange(rows) % len(golden)])
    return path


def score(options: argparse.Namespace, given: Path, output: Path, part_rows: int, where: list[str]) -> Measured:
    """Run the command once and read when each part came."""
    subprocess.run(["rm", "-rf", str(output)], check=True)
    command = [sys.executable, "-m", "torchferry", "score", str(options.bundle), "--input", str(given), "--output", str(output)]
    begun, started = time.time(), time.monotonic()
    subprocess.run([*command, "--part-rows", str(part_rows), *where, *options.score], check=True, stderr=subprocess.DEVNULL)
    wall = time.monotonic() - started
    came = sorted(path.stat().st_mtime for path in output.glob("part-*"))
    rows = len(np.load(given, mmap_mode="r"))
    after = [moment for moment in came if moment > came[0]]
    return Measured(wall, came[0] - begun, came[-1] - came[0], min(len(after) * part_rows, rows), len(after))


if __name__ == "__main__":
    main()
