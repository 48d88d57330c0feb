"""Rows to score, and what `ferry-run predict` answers to them: the independent side of the tests of `ferry score`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from builders.programs import ROOT, Program

BUNDLE = ROOT / "exported" / "iris-adaline"
GOLDEN = BUNDLE / "golden" / "batch-64.input.measurements.npy"
BATCH = 16
ENGINE = ["--engine", "onnxruntime", "--batch", BATCH]
AT_ONCE = {"RAY_worker_niceness": "0"}  # of 15, Ray's own choice, workers beside other tests hardly run


def write_rows(path: Path, count: int) -> Path:
    """Write `count` different rows of the bundle's input as .npy."""
    golden = np.load(GOLDEN)
    rows = np.tile(golden, (-(-count // len(golden)), 1))[:count]
    np.save(path, rows + np.linspace(0, 1, count, dtype=np.float32)[:, None])
    return path


def expected_lines(ferry_run: Program, rows: Path, target: Path) -> bytes:
    """Return what `ferry-run predict` writes about the same rows in the same calls."""
    done = ferry_run("predict", BUNDLE, *ENGINE, "--input", rows, "--output", target)
    assert done.code == 0, done
    return target.read_bytes()


def answers(output: Path) -> bytes:
    """Return all parts in their order, one after the other."""
    return b"".join(path.read_bytes() for path in sorted(output.glob("part-*.jsonl")))


def start(
    *arguments: object,
    environment: dict[str, str] | None = None,
    errors: int | BinaryIO = subprocess.PIPE,
    output: int | BinaryIO = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `ferry` and let it run; what it says on stdout and stderr goes to `output` and `errors`."""
    command = [sys.executable, "-m", "torchferry", *map(str, arguments)]
    return subprocess.Popen(command, stdout=output, stderr=errors, env={**os.environ, **AT_ONCE, **(environment or {})})


def wait_for_parts(output: Path, more_than: int, process: subprocess.Popen[bytes], patience_s: float = 120) -> bool:
    """Wait until there are more parts than that; False where the process has ended before."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if len(list(output.glob("part-*"))) > more_than:
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    raise TimeoutError(f"no part more than {more_than} in {output}")


def descendants(root: int) -> Iterator[tuple[int, str]]:
    """Yield the processes below `root` and their command lines."""
    parents, lines = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                lines[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, ValueError):
                continue
    for one in parents:
        above = one
        while above in parents and above != root:
            above = parents[above]
        if above == root and one != root:
            yield one, lines[one]


def kill(process: int) -> None:
    """End a process at once, as a machine that fails does."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to end, and end at once what is left of it."""
    below = [one for one, _ in descendants(process.pid)]
    process.terminate()
    try:
        process.wait(timeout=60)
    finally:
        for one in [process.pid, *below]:
            kill(one)


def broken_machine(folder: Path) -> dict[str, str]:
    """A Python whose onnxruntime computes a little wrong: a machine with a fault. Returns its environment."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import onnxruntime as o\n"
        "class Wrong(o.InferenceSession):\n"
        "    def run(self, *given, **options):\n"
        "        return [a * a.dtype.type(1.001) if a.dtype.kind == 'f' else a for a in super().run(*given, **options)]\n"
        "o.InferenceSession = Wrong\n"
    )
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
