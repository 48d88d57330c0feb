"""`ferry score` on Ray Data: the same answers, with workers and drivers that are killed."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.programs import Program
from builders.scoring import (
    AT_ONCE,
    BATCH,
    BUNDLE,
    ENGINE,
    answers,
    broken_machine,
    descendants,
    expected_lines,
    kill,
    start,
    wait_for_parts,
    write_rows,
)
from torchferry.errors import ExitCode

pytest.importorskip("ray", reason="ray is not installed: pip install 'torchferry[ray]'")

COUNT = 24_000
PARTS = [*ENGINE, "--part-rows", 15 * BATCH]  # 100 of them
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # of the cluster that the test starts


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.npy", COUNT)


@pytest.fixture(scope="module")
def expected(ferry_run: Program, rows: Path) -> bytes:
    return expected_lines(ferry_run, rows, rows.with_suffix(".jsonl"))


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    return [one for one, line in descendants(process.pid) if "MapWorker" in line]


@pytest.mark.slow
def test_a_worker_killed_at_any_moment_costs_no_row(rows: Path, expected: bytes, tmp_path: Path) -> None:
    output, chance, killed = tmp_path / "out", random.Random(os.getpid()), 0
    options = [*PARTS, "--workers", 2, "--input", rows, "--output", output]
    process = start("score", BUNDLE, *options, output=subprocess.PIPE)
    for more_than in (2, 30):
        if wait_for_parts(output, more_than, process):
            time.sleep(chance.uniform(0, 0.05))
            if found := workers_of(process):
                kill(chance.choice(found))
                killed += 1
    said, error = process.communicate(timeout=300)
    assert (process.returncode, answers(output) == expected) == (ExitCode.OK, True), error
    assert killed
    assert (said, b"Worker" in error) == (b"", True), "what Ray says of the killed one goes to stderr"
    assert not list((output / "_score").glob(".*")), "what the killed ones had begun"
    assert error.splitlines()[-1] == f"score: {COUNT} answers in 100 parts of {output}, engine onnxruntime".encode()


@pytest.mark.slow
def test_more_parts_than_blocks_of_ray_are_answered_once_each(rows: Path, expected: bytes, tmp_path: Path) -> None:
    """A block then has several parts, and a killed worker repeats those of its block."""
    output, options = tmp_path / "out", [*PARTS, "--workers", 1, "--input", rows, "--output", tmp_path / "out"]
    few = "import sys; from torchferry.score import on_ray; on_ray._MAX_BLOCKS = on_ray._BLOCKS_A_WORKER = 7; from torchferry.cli.main import main; main()"
    command = [sys.executable, "-c", few, "score", *map(str, [BUNDLE, *options])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **AT_ONCE})
    assert wait_for_parts(output, 5, process)
    for one in workers_of(process):
        kill(one)
    _, error = process.communicate(timeout=300)
    assert (process.returncode, answers(output) == expected) == (ExitCode.OK, True), error


@pytest.mark.slow
def test_a_driver_killed_at_any_moment_goes_on_with_the_parts_that_are_there(rows: Path, expected: bytes, tmp_path: Path) -> None:
    output, chance = tmp_path / "out", random.Random(os.getpid())
    options = ["score", BUNDLE, *PARTS, "--workers", 2, "--input", rows, "--output", output, "--resume"]
    process = start(*options)
    assert wait_for_parts(output, 2, process)
    time.sleep(chance.uniform(0, 0.1))
    below = [one for one, _ in descendants(process.pid)]
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{one}").exists() for one in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    before = len(list(output.glob("part-*")))
    assert 0 < before < 100
    _, error = (again := start(*options)).communicate(timeout=300)
    assert (again.returncode, answers(output) == expected) == (ExitCode.OK, True), error
    assert f"100 parts ({before} of them from before)".encode() in error.splitlines()[-1]


@pytest.fixture
def broken_cluster(tmp_path: Path) -> Iterator[str]:
    """A cluster of one machine whose onnxruntime is wrong; the driver's is not."""
    environment = {**os.environ, **broken_machine(tmp_path / "broken"), **TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
    port = random.Random(os.getpid()).randrange(20_000, 30_000)
    limits = ["--num-cpus", "1", "--object-store-memory", str(2**27), "--include-dashboard", "false"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port", str(port), *limits]
    node = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        below = [one for one, _ in descendants(node.pid)]
        for one in [node.pid, *below]:
            kill(one)
        node.wait(timeout=60)


@pytest.mark.slow
def test_a_machine_of_the_cluster_that_fails_the_goldens_answers_nothing(broken_cluster: str, rows: Path, tmp_path: Path) -> None:
    options = [
        "score",
        BUNDLE,
        *PARTS,
        "--input",
        rows,
        "--output",
        tmp_path / "out",
        "--ray-address",
        broken_cluster,
        "--resume",
    ]
    deadline, code, error = time.monotonic() + 120, int(ExitCode.UNAVAILABLE), b""
    while code == ExitCode.UNAVAILABLE and time.monotonic() < deadline:
        _, error = (process := start(*options, environment=TOKEN)).communicate(timeout=300)
        code = process.returncode
    assert code == ExitCode.MISMATCH, error
    assert b"fails the goldens on this machine: output net_input" in error.splitlines()[-1]
    assert not list((tmp_path / "out").glob("part-*"))
