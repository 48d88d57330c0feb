"""`ferry score` on 1,000 nodes: a discrete-event model, fed with times that were measured on one (score_speed.py).

    .venv/bin/python tests/bench/score_simulation.py --rows-per-s 41000 --start-s 53 --part-s 0.02 --message-s 0.03

The driver gives out blocks of parts, at most --blocks of them as torchferry/score/on_ray.py does, and handles one message at a time.
A worker starts, proves itself and takes block after block; a node may fail, and another worker does its block from its start. A queue
of events (heapq) is all the machinery. Prints Markdown for tests/bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class World:
    """What was measured, in seconds, and what is assumed: dollars and failures of a node in an hour, the spread of a block's time."""

    rows_per_s: float  # of one worker
    start_s: float
    part_s: float  # of a worker, for a part besides its rows: files that are synced
    message_s: float  # of the driver, for a block
    blocks: int = 4096
    part_rows: int = 16_384
    workers_of_node: int = 2
    spread: float = 0.1  # log-normal
    failures_an_hour: float = 1e-3
    dollars_an_hour: float = 0.1


@dataclass(frozen=True)
class Found:
    """Seconds until the last block, which share of them the driver was busy, and blocks that were begun again."""

    seconds: float
    driver: float
    repeated: int


def simulate(world: World, nodes: int, rows: float, seed: int = 1) -> Found:
    """Let every worker take blocks until there are none; a failure costs the work on its block and a new start."""
    chance, parts = random.Random(seed), math.ceil(rows / world.part_rows)
    blocks = min(parts, world.blocks)
    service = rows / blocks / world.rows_per_s + parts / blocks * world.part_s
    failures_a_second = world.failures_an_hour / 3600 / world.workers_of_node
    ready = [(chance.uniform(0.8, 1.2) * world.start_s, worker) for worker in range(nodes * world.workers_of_node)]
    heapq.heapify(ready)
    left, repeated, free, busy, last = blocks, 0, 0.0, 0.0, 0.0
    while left:
        now, worker = heapq.heappop(ready)
        free = begun = max(now, free) + world.message_s
        busy += world.message_s
        took, fails = service * chance.lognormvariate(0, world.spread), chance.expovariate(failures_a_second)
        if fails < took:
            repeated += 1
            heapq.heappush(ready, (begun + fails + world.start_s, worker))
            continue
        left -= 1
        last = max(last, begun + took)
        heapq.heappush(ready, (begun + took, worker))
    return Found(last, busy / last, repeated)


def line(world: World, nodes: int, rows: float) -> str:
    """One row of the table: how long, how well the workers were used, and dollars per million rows."""
    found = simulate(world, nodes, rows)
    useful = rows / world.rows_per_s / (nodes * world.workers_of_node) / found.seconds
    dollars = nodes * world.dollars_an_hour * found.seconds / 3600 / rows * 1e6
    return (
        f"| {nodes} | {rows:.0e} | {world.part_rows:,} | {world.blocks} | {duration(found.seconds)} | {rows / found.seconds:.2e} "
        f"| {100 * useful:.0f} % | {100 * found.driver:.0f} % | {found.repeated} | {dollars:.5f} |"
    )


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("rows-per-s", "start-s", "part-s", "message-s"):
        parser.add_argument(f"--{name}", type=float, required=True)
    options = parser.parse_args()
    world = World(options.rows_per_s, options.start_s, options.part_s, options.message_s)
    print(
        "| nodes | rows | rows a part | blocks | time | rows/s | workers at rows | driver busy | blocks again | $ per 1e6 rows |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for rows in (1e9, 1e12):
        for nodes in (1, 10, 100, 1000):
            print(line(world, nodes, rows))
    large = replace(world, part_rows=1_048_576)
    for one in (large, replace(large, blocks=65_536)):
        for nodes in (100, 1000):
            print(line(one, nodes, 1e12))


if __name__ == "__main__":
    main()
