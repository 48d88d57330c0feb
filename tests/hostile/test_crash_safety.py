"""A writer that is killed at any of its system calls leaves the old or the new bundle whole, and readers never see half of one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from builders.bundles import fill_bundle
from builders.programs import ROOT, Program
from torchferry.bundle.reader import open_bundle
from torchferry.bundle.writer import staging_folder
from torchferry.errors import ExitCode, FerryError

CALLS = ("write", "fsync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "chmod", "flock")
WRITER = [sys.executable, "-B", str(ROOT / "tests" / "hostile" / "crash_writer.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'python'}{os.pathsep}{ROOT / 'tests'}"}
NO_EXCHANGE = ["-e", "inject=renameat2:error=EINVAL"]

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing; type: sudo apt-get install strace")


def write(target: Path, name: str, under: Sequence[str] = ()) -> int:
    """Run the writer as a process, perhaps under strace; return its status."""
    return subprocess.run([*under, *WRITER, target, name], env=ENVIRONMENT, capture_output=True, check=False).returncode


def publish(target: Path, name: str) -> None:
    """Write a bundle inside this process: no start of an interpreter."""
    with staging_folder(target, force=True) as folder:
        fill_bundle(folder, name=name)


def strace(log: Path, *options: str) -> list[str]:
    return ["strace", "-f", "-o", str(log), "-e", f"trace={','.join(CALLS)}", *options]


def count_calls(tmp_path: Path, *options: str) -> Counter[str]:
    """How often the writer makes each call while it replaces a bundle."""
    target = tmp_path / "counted" / "bundle"
    assert write(target, "old") == 0
    assert write(target, "new", strace(tmp_path / "log", *options)) == 0
    return Counter(re.findall(r"^\d+ +(\w+)\(", (tmp_path / "log").read_text(), re.MULTILINE))


def kill_everywhere(tmp_path: Path, *options: str) -> tuple[int, set[str]]:
    """Kill the writer at each of its calls. Return how many times it was killed and the names of the bundles that were left."""
    target, killed, left = tmp_path / "killed" / "bundle", 0, set()
    for call, times in count_calls(tmp_path, *options).items():
        for when in range(1, times + 1):
            shutil.rmtree(target.parent, ignore_errors=True)
            publish(target, "old")
            injected = [*options, "-e", f"inject={call}:signal=KILL:when={when}"]
            if call == "renameat2" and options:  # one injection a call: this one stands in for the error
                injected = ["-e", f"inject={call}:signal=KILL:when={when}"]
            killed += write(target, "new", strace(tmp_path / "log", *injected)) != 0
            name = open_bundle(target).manifest.name
            assert name in ("old", "new"), f"killed at {call} {when}"
            left.add(name)
            publish(target, "next")
            assert open_bundle(target).manifest.name == "next"
            assert [path.name for path in target.parent.iterdir()] == ["bundle"], f"killed at {call} {when}: something is left"
    return killed, left


@needs_strace
@pytest.mark.slow
def test_a_writer_killed_at_any_call_leaves_the_old_or_the_new_bundle_whole(tmp_path: Path) -> None:
    calls = count_calls(tmp_path)
    assert calls["renameat2"] == 1, "the bundle is put in its place by one exchange"
    assert calls["fsync"] >= calls["mkdir"], "files and folders are brought to the disk"
    killed, left = kill_everywhere(tmp_path)
    assert killed == sum(calls.values())
    assert left == {"old", "new"}


@needs_strace
@pytest.mark.slow
def test_without_an_exchange_a_killed_writer_leaves_a_whole_bundle_too(tmp_path: Path) -> None:
    killed, left = kill_everywhere(tmp_path, *NO_EXCHANGE)
    assert killed > 0
    assert left == {"old", "new"}


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("when", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("call", ["write", "fsync", "renameat2", "unlink", "unlinkat"])
def test_an_export_killed_at_a_call_leaves_the_old_or_the_new_bundle_whole(tmp_path: Path, call: str, when: int) -> None:
    target = Path(shutil.copytree(ROOT / "exported" / "iris-adaline", tmp_path / "place" / "iris-adaline"))
    code = (
        "import sys, torch, torchferry\n"
        "torchferry.export(torch.nn.Linear(2, 1).eval(), inputs={'x': 'float32[N,2]:0..1'}, out=sys.argv[1], to=('torchscript',), force=True)\n"
    )
    under = strace(tmp_path / "log", "-e", f"inject={call}:signal=KILL:when={when}")
    done = subprocess.run([*under, sys.executable, "-c", code, target], env=ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    is_exchanged = "RENAME_EXCHANGE) = 0" in (tmp_path / "log").read_text()
    assert is_exchanged or done.returncode != 0
    assert open_bundle(target).contract.inputs[0].name == ("x" if is_exchanged else "measurements")


class Traffic:
    """Writers and readers of one bundle at once, for some seconds."""

    def __init__(self, target: Path, ferry_run: Program, seconds: float) -> None:
        self._target, self._ferry_run, self._end = target, ferry_run, time.monotonic() + seconds
        self.verdicts: Counter[str] = Counter()
        self.written: Counter[int] = Counter()

    def run(self) -> None:
        jobs = [self._write, self._write, self._read_here, self._read_here, self._read_there, self._read_there]
        threads = [threading.Thread(target=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write(self) -> None:
        number = 0
        while time.monotonic() < self._end:
            number += 1
            self.written[write(self._target, f"bundle-{number}")] += 1

    def _read_here(self) -> None:
        while time.monotonic() < self._end:
            try:
                bundle = open_bundle(self._target)
                for entry in bundle.manifest.files():
                    bundle.read(entry)
            except FerryError as error:
                self.verdicts[f"Python: {error.code}: {error}"] += 1
            else:
                self.verdicts["whole"] += 1

    def _read_there(self) -> None:
        while time.monotonic() < self._end:
            done = self._ferry_run("inspect", self._target)
            self.verdicts["whole" if done.code == 0 else f"C++: {done.code}: {done.stderr}"] += 1


@pytest.mark.parametrize("seconds", [5, pytest.param(30, marks=pytest.mark.slow)])
def test_readers_see_the_old_or_the_new_bundle_while_it_is_replaced(tmp_path: Path, ferry_run: Program, seconds: int) -> None:
    target = tmp_path / "bundle"
    assert write(target, "first") == 0
    traffic = Traffic(target, ferry_run, seconds)
    traffic.run()
    assert set(traffic.verdicts) == {"whole"}, traffic.verdicts
    assert traffic.written[0] > 1, traffic.written
    assert set(traffic.written) <= {0, int(ExitCode.IO)}, traffic.written
