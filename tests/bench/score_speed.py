"""How many rows a second `ferry score` answers in this process and on 1 and 2 workers of Ray, start included and excluded.

    .venv/bin/python tests/bench/score_speed.py BUNDLE [--rows 2000000] [--rounds 1] [-- options of ferry score]

Start included is the time of the whole command. Start excluded counts the second half of the parts, from the moment at which the
first half is there: by then the last worker has begun. Both stand in seconds of the clock and of the processors: the clock says nothing of two workers
where others use the machine, so the efficiency of two is also told by what a row costs in processor time (workers alone; with the
driver and Ray). A run with parts of one small call says what a part costs besides its rows: the driver's messages and the files.
Prints Markdown for tests/bench/RESULTS.md, and the times that score_simulation.py takes.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.scoring import descendants

PART_ROWS, SMALL_ROWS, SMALL_PARTS = 16_384, 16, 1500
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """Seconds of the command, until its first part, and of the second half of the parts; rows and parts of that half.

    `spent`, `spent_steady`: processor seconds of the whole command and of the second half, by who spent them.
    """

    wall: float
    first: float
    steady: float
    rows: int
    parts: int
    spent: dict[str, float]
    spent_steady: dict[str, float]


@dataclass
class Meter:
    """Reads twice a second what the command's processes have spent: of those that ended, what was read last."""

    root: int
    seconds: dict[int, tuple[str, float]] = field(default_factory=dict)
    readings: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def read(self) -> None:
        for one, line in [(self.root, ""), *descendants(self.root)]:
            who = "driver" if one == self.root else "workers" if "MapWorker" in line else "Ray"
            try:
                fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            self.seconds[one] = who, (int(fields[11]) + int(fields[12])) / TICKS
        self.readings.append((time.time(), self.total()))

    def total(self) -> dict[str, float]:
        return {who: sum(spent for name, spent in self.seconds.values() if name == who) for who in ("driver", "workers", "Ray")}

    def at(self, moment: float) -> dict[str, float]:
        """Return what was spent at a moment, on the line between two readings."""
        times = [when for when, _ in self.readings]
        return {who: float(np.interp(moment, times, [one[who] for _, one in self.readings])) for who in self.total()}


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
    print(
        "| where | rows | s in all | rows/s, start included | s until the first part | rows/s, start excluded "
        "| CPU s in all: driver, workers, Ray | CPU us a row, start excluded: workers, all |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder, best = Path(name), {}
        large, small = inputs(options.bundle, folder, options.rows), inputs(options.bundle, folder, SMALL_ROWS * SMALL_PARTS)
        for place, where in places.items():
            found = [score(options, large, folder / "out", PART_ROWS, where) for _ in range(options.rounds)]
            best[place] = min(found, key=lambda one: one.wall)
            print(row(place, options.rows, best[place], statistics.median(one.first for one in found)), flush=True)
        print(compared(best["1 worker"], best["2 workers"]))
        tiny = score(options, small, folder / "out", SMALL_ROWS, ["--workers", "2", "--batch", str(SMALL_ROWS)])
        print(f"A part of {SMALL_ROWS} rows: {tiny.steady / tiny.parts * 1e3:.2f} ms on 2 workers, {tiny.parts} parts.")


def row(place: str, rows: int, best: Measured, first: float) -> str:
    """A line of the table."""
    spent = ", ".join(f"{best.spent[who]:.1f}" for who in ("driver", "workers", "Ray"))
    return (
        f"| {place} | {rows} | {best.wall:.1f} | {rows / best.wall:.0f} | {first:.1f} | {best.rows / best.steady:.0f} "
        f"| {spent} | {cost(best, 'workers') * 1e6:.2f}, {cost(best) * 1e6:.2f} |"
    )


def cost(one: Measured, *who: str) -> float:
    """Processor seconds of a row, start excluded; in this process the driver is the worker."""
    return sum(one.spent_steady[name] for name in who or one.spent_steady) / one.rows


def compared(one: Measured, two: Measured) -> str:
    """What two workers are to one, by the clock and by the processors."""
    clock = two.rows / two.steady / (one.rows / one.steady)
    busy = [found.spent_steady["workers"] / found.steady for found in (one, two)]
    return (
        f"\nTwo workers against one: {clock:.2f} times the rows a second by the clock, start excluded (efficiency {clock / 2:.0%}); "
        f"{two.rows / two.wall / (one.rows / one.wall):.2f} times, start included.\n"
        f"One worker had {busy[0]:.2f} processors, two had {busy[1]:.2f}. By processor time, efficiency "
        f"{cost(one, 'workers') / cost(two, 'workers'):.0%} of the workers alone, {cost(one) / cost(two):.0%} with driver and Ray."
    )


def inputs(bundle: Path, folder: Path, rows: int) -> Path:
    """A file of so many rows, from the goldens."""
    opened = open_bundle(bundle)
    (spec,) = opened.contract.inputs
    golden = read_case(opened, opened.manifest.golden.cases[0]).inputs[spec.name]
    path = folder / f"rows-{rows}.npy"
    np.save(path, golden[np.arange(rows) % len(golden)])
    return path


def score(options: argparse.Namespace, given: Path, output: Path, part_rows: int, where: list[str]) -> Measured:
    """Run the command once and read when each part came, and what was spent."""
    subprocess.run(["rm", "-rf", str(output)], check=True)
    command = [sys.executable, "-m", "torchferry", "score", str(options.bundle), "--input", str(given), "--output", str(output)]
    begun, started = time.time(), time.monotonic()
    process = subprocess.Popen([*command, "--part-rows", str(part_rows), *where, *options.score], stderr=subprocess.DEVNULL)
    meter, ended = Meter(process.pid), threading.Event()
    reader = threading.Thread(target=lambda: [meter.read() for _ in iter(lambda: ended.wait(0.5), True)])
    reader.start()
    if process.wait():
        raise SystemExit(f"{command}: exit code {process.returncode}")
    wall = time.monotonic() - started
    ended.set()
    reader.join()
    came = sorted(path.stat().st_mtime for path in output.glob("part-*"))
    rows = len(np.load(given, mmap_mode="r"))
    after = [moment for moment in came if moment > came[0]]
    before, last = meter.at(came[0]), meter.at(came[-1])
    steady = {who: last[who] - before[who] for who in last}
    return Measured(
        wall, came[0] - begun, came[-1] - came[0], min(len(after) * part_rows, rows), len(after), meter.total(), steady
    )


if __name__ == "__main__":
    main()
