"""`ferry score` on 1,000 nodes: a discrete-event model, fed with times that were measured on one.

    .venv/bin/python tests/bench/score_simulation.py [--rows-per-s 1000000] [--start-s 8] ...

One driver cuts the rows into parts and gives them out, one message each way; a worker answers part after part, after it started
and proved itself; a node may fail, and its part is given to another. What saturates first is the driver: it handles one message
at a time, as Ray's scheduler of one job does. The model has a queue of events (heapq) and no other machinery. 1e12 rows in parts of
16,384 are 61 million parts: above --events parts it simulates a share of them and scales what is steady, the time between two
parts; start and end are not scaled. Prints Markdown for tests/bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import heapq
import random
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class World:
    """What was measured, in seconds, and what is assumed: dollars an hour of a node, failures of a node an hour."""

    rows_per_s: float
    start_s: float
    message_s: float
    survey_rows_per_s: float
    part_rows: int = 16_384
    workers_of_node: int = 2
    spread: float = 0.1  # of the time of a part: log-normal
    failures_an_hour: float = 1e-3
    dollars_an_hour: float = 0.1


@dataclass(frozen=True)
class Found:
    """Seconds from start to the last part, and how busy the driver was."""

    seconds: float
    driver: float


def simulate(world: World, nodes: int, parts: int, seed: int = 1) -> Found:
    """Let every worker take parts until there are none; a failure costs its part's work and a new start."""
    chance, workers = random.Random(seed), nodes * world.workers_of_node
    service = world.part_rows / world.rows_per_s
    failure_rate = world.failures_an_hour / 3600 / world.workers_of_node
    ready = [(chance.uniform(0.8, 1.2) * world.start_s, worker) for worker in range(workers)]
    heapq.heapify(ready)
    left, driver_free, driver_busy, last = parts, 0.0, 0.0, 0.0
    while left and ready:
        now, worker = heapq.heappop(ready)
        begun = max(now, driver_free) + world.message_s  # the receipt of the last part comes, the next part goes
        driver_free, driver_busy = begun, driver_busy + world.message_s
        took = service * chance.lognormvariate(0, world.spread)
        if chance.random() < took * failure_rate:
            heapq.heappush(ready, (begun + chance.random() * took + world.start_s, worker))
            continue
        left -= 1
        last = max(last, begun + took)
        heapq.heappush(ready, (begun + took, worker))
    return Found(last, driver_busy / last)


def scaled(world: World, nodes: int, rows: float, most: int) -> Found:
    """Simulate all parts, or `most` of them and half as many, whose difference is the steady rate."""
    parts = max(round(rows / world.part_rows), 1)
    if parts <= most:
        return simulate(world, nodes, parts)
    whole, half = simulate(world, nodes, most), simulate(world, nodes, most // 2)
    a_part = (whole.seconds - half.seconds) / (most - most // 2)
    seconds = whole.seconds + a_part * (parts - most)
    return Found(seconds, min(1.0, world.message_s / a_part))


def line(world: World, nodes: int, rows: float, most: int) -> str:
    """One row of the table: times, efficiency against one worker that is always busy, and dollars per million rows."""
    found = scaled(world, nodes, rows, most)
    survey_s = rows / world.survey_rows_per_s
    workers = nodes * world.workers_of_node
    busy = rows / world.rows_per_s / workers / found.seconds
    failures = nodes * found.seconds / 3600 * world.failures_an_hour
    dollars = nodes * world.dollars_an_hour * found.seconds / 3600 / rows * 1e6
    return (
        f"| {nodes} | {rows:.0e} | {world.part_rows} | {duration(found.seconds)} | {rows / found.seconds:.2e} | {100 * busy:.0f} % "
        f"| {100 * found.driver:.0f} % | {failures:.1f} | {dollars:.6f} | {duration(survey_s)} |"
    )


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows-per-s", type=float, required=True, help="of one worker, start excluded")
    parser.add_argument("--start-s", type=float, required=True, help="until a worker has proven itself")
    parser.add_argument("--message-s", type=float, required=True, help="the driver's time for one part")
    parser.add_argument("--survey-rows-per-s", type=float, required=True, help="reading and digesting the inputs, by the driver")
    parser.add_argument("--events", type=int, default=200_000)
    options = parser.parse_args()
    world = World(options.rows_per_s, options.start_s, options.message_s, options.survey_rows_per_s)
    print(
        "| nodes | rows | rows a part | time | rows/s | workers busy | driver busy | nodes that fail | $ per 1e6 rows | survey of the inputs |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for rows in (1e9, 1e12):
        for nodes in (1, 10, 100, 1000):
            print(line(world, nodes, rows, options.events))
    for nodes in (100, 1000):
        print(line(replace(world, part_rows=world.part_rows * 64), nodes, 1e12, options.events))
    limit = world.part_rows / world.rows_per_s / world.message_s
    print(
        f"\nThe driver is full at {limit:.0f} workers: a part takes {world.part_rows / world.rows_per_s:.3f} s, its messages {world.message_s * 1e3:.2f} ms."
    )


if __name__ == "__main__":
    main()
