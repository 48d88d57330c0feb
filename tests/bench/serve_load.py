"""`ferry serve` under load, with replicas that are killed: times, memory, and the bits of every answer.

    .venv/bin/python tests/bench/serve_load.py BUNDLE [--seconds 600] [--kill-every 30] [-- options of ferry serve]

Starts the server on this machine, measures how many requests a second it answers at most (clients that ask again at once), then
asks for --seconds at --load of that, at random moments (a Poisson process), and measures each time from the moment at which the
request was due: a server that stalls makes all that wait late. Every --kill-every seconds SIGKILL ends a replica. Every answer is
compared, bit by bit, with what `ferry-run predict --batch 1` says of the sample. Prints Markdown for tests/bench/RESULTS.md, then
PASSED, or each rule that was broken and exit code 1: every request has its right answer, none is lost; at least half of the kills took
place (the last replica is spared); memory of the last third of the time is not above that of the first, of all processes and of
those that live through it, by more than a share of GROWTH and GROWTH_MIB.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.proof.bench import tiled

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.ports import free_port
from builders.scoring import descendants, kill

SAMPLES, ATTEMPTS, PAGE = 64, 20, os.sysconf("SC_PAGE_SIZE")
HEADINGS = (
    "| asked | seconds | requests/s: most, asked | p50, p99, p99.9, most ms | right | wrong | lost | asked again | killed "
    "| MiB: first, last third | of those that live through it |"
)
GROWTH, GROWTH_MIB = 0.02, 16  # processes that are killed begin anew, and allocators keep some
HEADER = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Request:
    """A body, where its JSON ends, and the bytes of the right answer's tensors."""

    body: bytes
    head: int
    wanted: bytes


@dataclass
class Tally:
    """What became of the requests; times in seconds, by when they were due."""

    asked: int = 0
    times: list[float] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    memory: list[dict[int, float]] = field(default_factory=list)  # MiB of each of the server's processes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--load", type=float, default=0.8)
    parser.add_argument("--capacity-seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--kill-every", type=float, default=30, help="0: nobody is killed")
    own, _, given = " ".join(sys.argv[1:]).partition(" -- ")
    options = parser.parse_args(own.split())
    options.serve = given.split()  # options of ferry serve
    with tempfile.TemporaryDirectory() as folder:
        requests = prepare(options, Path(folder))
        process, port = start(options, Path(folder))
        try:
            print(report(options, *asyncio.run(run(options, requests, process.pid, port))))
        finally:
            below = list(descendants(process.pid))
            process.terminate()
            process.wait(timeout=120)
            for one, _ in below:
                kill(one)


def prepare(options: argparse.Namespace, folder: Path) -> list[Request]:
    """One request a sample, with the answer of the other program."""
    bundle = open_bundle(options.bundle)
    golden = read_case(bundle, bundle.manifest.golden.cases[0]).inputs
    inputs = tiled(bundle.contract, golden, SAMPLES)
    files = []
    for spec in bundle.contract.inputs:
        np.save(folder / f"{spec.name}.npy", inputs[spec.name])
        files += ["--input", f"{spec.name}={folder / spec.name}.npy" if len(inputs) > 1 else f"{folder / spec.name}.npy"]
    native = ["--allow-native"] if "--allow-native" in options.serve else []
    command = [options.ferry_run, "predict", str(options.bundle), "--engine", options.engine, "--batch", "1", *native, *files]
    subprocess.run([*command, "--output", str(folder / "answers.npz")], check=True, stderr=subprocess.DEVNULL)
    answers = dict(np.load(folder / "answers.npz"))
    return [request(bundle, inputs, answers, index) for index in range(SAMPLES)]


def request(bundle: Any, inputs: dict[str, Any], answers: dict[str, Any], index: int) -> Request:
    names = {"uint8": "UINT8", "int64": "INT64", "float32": "FP32", "float64": "FP64", "int32": "INT32"}
    tensors, data = [], b""
    for spec in bundle.contract.inputs:
        array = np.ascontiguousarray(inputs[spec.name][index : index + 1])
        size = {"binary_data_size": array.nbytes}
        tensors.append({"name": spec.name, "shape": list(array.shape), "datatype": names[spec.dtype], "parameters": size})
        data += array.tobytes()
    head = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    wanted = b"".join(np.ascontiguousarray(answers[spec.name][index : index + 1]).tobytes() for spec in bundle.contract.outputs)
    return Request(head + data, len(head), wanted)


def start(options: argparse.Namespace, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    command = [sys.executable, "-m", "torchferry", "serve", str(options.bundle), "--engine", options.engine]
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen([*command, "--port", str(port), *options.serve], stderr=errors)
    while b": ready: " not in (said := (folder / "stderr").read_bytes()):
        if process.poll() is not None or b"not ready" in said:
            process.kill()
            raise SystemExit(said.decode())
        time.sleep(0.2)
    return process, port


async def run(options: argparse.Namespace, requests: list[Request], server: int, port: int) -> tuple[float, Tally]:
    name = open_bundle(options.bundle).manifest.name
    url = f"http://127.0.0.1:{port}/v2/models/{name}/infer"
    connector = aiohttp.TCPConnector(limit=256)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
        await closed_loop(session, url, requests, options.clients, 5)  # warm
        tally = await closed_loop(session, url, requests, options.clients, options.capacity_seconds)
        capacity = tally.states["right"] / options.capacity_seconds
        if set(tally.states) - {"right", "refused"}:
            raise SystemExit(f"while the capacity was measured: {dict(tally.states)}")
        print(f"{capacity:.0f} requests a second at most; asking for {options.load * capacity:.0f}", file=sys.stderr)
        found = Tally()
        watch = asyncio.create_task(watch_memory(server, found))
        chaos = asyncio.create_task(kill_replicas(server, options.kill_every, found)) if options.kill_every else None
        await open_loop(session, url, requests, options.load * capacity, options.seconds, found)
        for task in (watch, *([chaos] if chaos else [])):
            task.cancel()
    return capacity, found


async def closed_loop(session: aiohttp.ClientSession, url: str, requests: list[Request], clients: int, seconds: float) -> Tally:
    tally, end = Tally(), time.monotonic() + seconds

    async def client(index: int) -> None:
        while time.monotonic() < end:
            tally.states[await ask(session, url, requests[index % SAMPLES])] += 1
            index += 1

    await asyncio.gather(*(client(index) for index in range(clients)))
    return tally


async def open_loop(
    session: aiohttp.ClientSession, url: str, requests: list[Request], rate: float, seconds: float, tally: Tally
) -> None:
    chance, tasks = random.Random(1), set()
    begin = due = time.monotonic()
    while due < begin + seconds:
        due += chance.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tally.asked += 1
        task = asyncio.create_task(one(session, url, chance.choice(requests), due, tally))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


async def one(session: aiohttp.ClientSession, url: str, given: Request, due: float, tally: Tally) -> None:
    """Ask until there is an answer: a client heeds 503 and Retry-After. A request that is never answered is lost."""
    for attempt in range(ATTEMPTS):
        state = await ask(session, url, given)
        if state != "refused":
            break
        tally.states["refused, asked again"] += 1
        await asyncio.sleep(min(0.1 * 2**attempt, 1))
    tally.states["lost" if state == "refused" else state] += 1
    tally.times.append(time.monotonic() - due)


async def ask(session: aiohttp.ClientSession, url: str, given: Request) -> str:
    try:
        async with session.post(url, data=given.body, headers={HEADER: str(given.head)}) as response:
            body = await response.read()
            if response.status == 503:
                return "refused"
            if response.status != 200:
                return f"lost ({response.status})"
            return "right" if body[int(response.headers[HEADER]) :] == given.wanted else "wrong"
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return f"lost ({type(error).__name__})"


async def watch_memory(server: int, tally: Tally) -> None:
    while True:
        processes = [server, *(one for one, _ in descendants(server))]
        tally.memory.append({one: resident(one) / 2**20 for one in processes})
        await asyncio.sleep(5)


async def kill_replicas(server: int, every: float, tally: Tally) -> None:
    while True:
        await asyncio.sleep(every)
        replicas = [one for one, line in descendants(server) if "ServeReplica:model-" in line]
        if len(replicas) > 1:  # the last one is spared: nobody would be there to answer
            kill(random.choice(replicas))
            tally.kills += 1


def resident(process: int) -> int:
    """Memory of a process that no other process shares, in bytes."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def thirds(memory: list[dict[int, float]], *, lasting: bool) -> tuple[float, float]:
    """Return the median MiB of the first and the last third of the time, of all processes or of those that live through it."""
    alive = set.intersection(*(set(one) for one in memory)) if lasting else None
    sums = [sum(size for process, size in one.items() if alive is None or process in alive) for one in memory]
    third = max(len(sums) // 3, 1)
    return float(np.median(sums[:third])), float(np.median(sums[-third:]))


def broken(options: argparse.Namespace, found: Tally) -> list[str]:
    """Return a line for each rule that does not hold."""
    lines = [
        f"{count} answers were {state}" for state, count in found.states.items() if state == "wrong" or state.startswith("lost")
    ]
    if not found.asked or found.states["right"] != found.asked:
        lines.append(f"{found.states['right']} right answers to {found.asked} requests")
    planned = int(options.seconds / options.kill_every) if options.kill_every else 0
    if found.kills < planned / 2:
        lines.append(f"{found.kills} of {planned} kills took place; give --replicas 2 behind --")
    for words, lasting in (("all processes", False), ("processes that live through it", True)):
        begin, end = thirds(found.memory, lasting=lasting)
        if end > begin * (1 + GROWTH) + GROWTH_MIB:
            lines.append(f"memory of {words} grew from {begin:.0f} to {end:.0f} MiB")
    return lines


def report(options: argparse.Namespace, capacity: float, found: Tally) -> str:
    times = np.array(found.times) * 1e3
    p50, p99, p999 = (float(np.quantile(times, one)) for one in (0.5, 0.99, 0.999))
    (begin, end), (begin_lasting, end_lasting) = (thirds(found.memory, lasting=one) for one in (False, True))
    lost = sum(count for state, count in found.states.items() if state.startswith("lost"))
    given = " ".join([options.engine, *options.serve])
    lines = [
        f"{datetime.date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}; `serve_load.py {options.bundle.name}` with {given}\n",
        HEADINGS,
        "|---|---|---|---|---|---|---|---|---|---|---|",
        (
            f"| {found.asked} | {options.seconds:.0f} | {capacity:.0f}, {capacity * options.load:.0f} | {p50:.1f}, {p99:.1f}, {p999:.0f}, {times.max():.0f} "
            f"| {found.states['right']} | {found.states['wrong']} | {lost} | {found.states['refused, asked again']} | {found.kills} "
            f"| {begin:.0f}, {end:.0f} | {begin_lasting:.0f}, {end_lasting:.0f} |"
        ),
    ]
    problems = broken(options, found)
    if problems:
        print("\n".join([*lines, "", *(f"FAILED: {one}" for one in problems)]))
        raise SystemExit(1)
    return "\n".join([*lines, "", "PASSED"])


if __name__ == "__main__":
    main()
