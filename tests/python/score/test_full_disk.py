"""`ferry score` on Ray where the disk is full at one worker of two, and where it is full under the answers: one line, and `--resume`."""

from __future__ import annotations

import json
import os
import platform
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders.programs import Program
from builders.scoring import AT_ONCE, BATCH, BUNDLE, ENGINE, answers, descendants, expected_lines, kill, start, write_rows
from builders.stores import PACKAGES, Store, open_store
from torchferry.errors import ExitCode

pytest.importorskip("ray", reason="ray is not installed: pip install 'torchferry[ray]'")
pytestmark = pytest.mark.slow

COUNT = 12_000
PARTS = [*ENGINE, "--part-rows", 10 * BATCH]  # 75 of them
SMALL = "256k"  # of the full disk: some parts fit
FULL = b"got No space left on device, expected to write to it; check the disk's space"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.npy", COUNT)


@pytest.fixture(scope="module")
def expected(ferry_run: Program, rows: Path) -> bytes:
    return expected_lines(ferry_run, rows, rows.with_suffix(".jsonl"))


@contextmanager
def small_disk(path: Path) -> Iterator[tuple[list[str], Path]]:
    """Mount a small disk at `path`, for those alone that the yielded command starts; the yielded folder is how others see it."""
    path.mkdir()
    script = f"mount -t tmpfs -o size={SMALL} none {path} && echo mounted && exec sleep infinity"
    holder = subprocess.Popen(["unshare", "-rm", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != b"mounted\n":
            pytest.skip("no file system can be mounted here")
        enter = ["nsenter", "--target", str(holder.pid), "--user", "--mount", "--preserve-credentials", "--wd=/"]
        yield enter, Path(f"/proc/{holder.pid}/root{path}")
    finally:
        kill(holder.pid)
        holder.communicate()


def fill(disk: Path, room: int) -> Path:
    """Leave so many bytes of a disk free; return the file that takes the others."""
    state = os.statvfs(disk)
    (filler := disk / "filler").write_bytes(bytes(state.f_bavail * state.f_frsize - room))
    return filler


JOINED = """
import ray, sys, time
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
end = time.monotonic() + 120
while ray.cluster_resources().get("CPU") != 2 and time.monotonic() < end:
    time.sleep(0.5)
sys.exit(ray.cluster_resources().get("CPU") != 2)
"""


def test_a_disk_that_is_full_under_the_answers_of_two_workers_costs_no_row(rows: Path, expected: bytes, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as (enter, disk):
        filler = fill(disk, 128 * 1024)
        options = [*PARTS, "--workers", 2, "--input", rows, "--output", tmp_path / "disk" / "out", "--resume"]
        command = [*enter, *map(str, [sys.executable, "-m", "torchferry", "score", BUNDLE, *options])]
        environment = {**os.environ, **AT_ONCE}
        first = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
        said = first.stderr.splitlines()
        assert (first.returncode, first.stdout) == (ExitCode.IO, b""), first.stderr
        assert FULL in said[-1], first.stderr
        assert sum(line.startswith(b"error:") for line in said) == 1, first.stderr
        there = {path.name: path.read_bytes() for path in (disk / "out").glob("part-*")}
        assert 0 < len(there) < 75
        filler.unlink()
        subprocess.run([*enter, "mount", "-o", "remount,size=8m", str(tmp_path / "disk")], check=True)
        again = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
        assert (again.returncode, answers(disk / "out") == expected) == (ExitCode.OK, True), again.stderr
        assert all((disk / "out" / name).read_bytes() == data for name, data in there.items())
        assert b"of them from before" in again.stderr.splitlines()[-1]
        assert not list((disk / "out" / "_score").glob(".*"))


@dataclass(frozen=True)
class TwoMachines:
    """A cluster of two machines with a processor each: TMPDIR of the second is a small disk, at `path` there and at `disk` here."""

    address: str
    environment: dict[str, str]
    path: Path
    disk: Path


@pytest.fixture
def two_machines(tmp_path: Path, store: Store) -> Iterator[TwoMachines]:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    port = random.Random(os.getpid()).randrange(20_000, 30_000)
    ray = [
        sys.executable,
        "-m",
        "ray.scripts.scripts",
        "start",
        "--block",
        "--num-cpus",
        "1",
        "--object-store-memory",
        str(2**27),
    ]
    environment = {**os.environ, **AT_ONCE, **store.environment, **token, "RAY_TMPDIR": "/tmp"}
    nodes: list[subprocess.Popen[bytes]] = []
    with small_disk(tmp_path / "disk") as (enter, disk):
        head = [*ray, "--head", "--port", str(port), "--include-dashboard", "false"]
        second = [*enter, "env", f"TMPDIR={tmp_path / 'disk'}", *ray, "--address", f"127.0.0.1:{port}"]
        for command in (head, second):
            nodes.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(10)  # a machine cannot join before there is something to join
        try:
            joined = [sys.executable, "-c", JOINED, f"127.0.0.1:{port}"]
            assert subprocess.run(joined, env=environment, timeout=240, check=False).returncode == 0, (
                "the second machine did not join"
            )
            yield TwoMachines(f"127.0.0.1:{port}", {**store.environment, **token}, tmp_path / "disk", disk)
        finally:
            for node in nodes:
                for one in [node.pid, *(below for below, _ in descendants(node.pid))]:
                    kill(one)
                node.wait(timeout=60)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    if not (PACKAGES / "moto").is_dir():
        pytest.skip("no S3 server is here: make setup-edge")
    with open_store("data", "out") as found:
        yield found


def test_a_full_disk_at_one_worker_of_two_is_one_line_that_names_it_and_costs_no_row(
    rows: Path, expected: bytes, store: Store, two_machines: TwoMachines
) -> None:
    store.put("data/rows.npy", rows.read_bytes())
    options = ["score", BUNDLE, *PARTS, "--workers", 2, "--input", "s3://data/rows.npy", "--output", "s3://out/full"]
    options += ["--ray-address", two_machines.address, "--resume"]
    filler = fill(two_machines.disk, 8192)  # enough for Python to take the folder, and not for a part
    first = start(*options, environment=two_machines.environment)
    _, error = first.communicate(timeout=300)
    said = error.splitlines()
    assert first.returncode == ExitCode.IO, error
    assert said[-1].startswith(f"error: {platform.node()}: {two_machines.path}/ferry-score-".encode()), error
    assert FULL in said[-1], error
    assert sum(line.startswith(b"error:") for line in said) == 1, error
    there = {name: store.read(f"out/full/{name}") for name in store.names("out/full")}
    filler.unlink()
    again = start(*options, environment=two_machines.environment)
    _, error = again.communicate(timeout=300)
    assert (again.returncode, store.answers("out/full") == expected) == (ExitCode.OK, True), error
    assert all(store.read(f"out/full/{name}") == data for name, data in there.items())
    summary = json.loads(store.read("out/full/_score.json"))
    assert [part["first"] for part in summary["parts"]] == list(range(0, COUNT, 10 * BATCH))
    assert not list(two_machines.disk.glob("ferry-score-*")), "what the failed ones had begun"
