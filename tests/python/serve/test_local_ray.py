"""A start of Ray whose raylet ends is told, and not waited for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from torchferry.errors import ExitCode

# A child of the name that the kernel shows; the block waits as ray.init does, where no exception reaches it.
START = """
import subprocess, sys, time
from torchferry.local_ray import watched_start
with watched_start():
    other = subprocess.Popen(["sleep", "600"])
    raylet = subprocess.Popen(["bash", "-c", sys.argv[1]])
    print(other.pid, flush=True)
    time.sleep(float(sys.argv[2]))
other.kill()
print("over")
"""
NAMED = "printf raylet > /proc/$$/comm; "


def start(child: str, seconds: float) -> tuple[int, list[str], str]:
    command = [sys.executable, "-c", START, NAMED + child, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout.split(), done.stderr


def is_alive(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_raylet_that_ends_ends_the_start_with_one_line_and_leaves_nothing_behind() -> None:
    begun = time.monotonic()
    code, (other,), error = start("exit 1", 90)
    assert (code, error.count("\n"), time.monotonic() - begun < 60) == (ExitCode.UNAVAILABLE, 1, True), error
    assert error.startswith("error: Ray: got a raylet that ended while it started, expected it to stay; ")
    end = time.monotonic() + 30
    while is_alive(other):
        assert time.monotonic() < end, "a child goes on"
        time.sleep(0.1)


def test_a_raylet_that_stays_is_left_alone() -> None:
    code, said, error = start("sleep 3", 2.5)
    assert (code, said[1:], error) == (ExitCode.OK, ["over"], "")
