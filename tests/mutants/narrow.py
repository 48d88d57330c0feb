"""Running the narrow tests of one mutant in the copy, and who of them said no."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from mutants.mutant import Mutant
from mutants.tree import COPY

LIMIT_S = 240  # of one mutant: a test that never ends is a test that noticed
AGAIN_LIMIT_S = 1800  # of all tests that noticed a mutant, once more without any
_GREEN, _RED, _NONE_FOUND = 0, 1, 5  # pytest's exit codes
_FIRST_RED = re.compile(r"^\[  FAILED  \] (\S+)", re.MULTILINE)
_BUILT = COPY / "build" / "tests"


@dataclass(frozen=True)
class Answer:
    """`is_red`: a test failed, the first being `by`. `problem`: the tests could not run at all."""

    is_red: bool
    by: str = ""
    problem: str = ""


def load_libraries() -> None:
    """Import once what each test would import again: every run of pytest is a fork of this process."""
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import torch.export
    import torchvision  # noqa: F401

    torch.set_num_threads(1)


def run_tests(mutant: Mutant) -> Answer:
    """Run the mutant's own tests in the copy as it is now."""
    return run_pytest(mutant.tests.split()) if mutant.runs_pytest else run_gtest(mutant.target, mutant.tests)


def run_gtest(program: str, selection: str) -> Answer:
    """Run a program of GoogleTest with a filter."""
    environment = {**os.environ, "FERRY_ENGINE_DIR": str(_BUILT / "plugins")}
    try:
        done = subprocess.run(
            [str(_BUILT / "bin" / program), f"--gtest_filter={selection}", "--gtest_fail_fast"],
            cwd=COPY,
            env=environment,
            check=False,
            timeout=LIMIT_S,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Answer(True, "it never ended")
    if "Running 0 tests" in done.stdout:
        return Answer(False, problem=f"{program}: {selection} selects no test")
    if done.returncode < 0:
        return Answer(True, f"killed by signal {-done.returncode}")
    return Answer(done.returncode != 0, _first_red(done.stdout))


def run_pytest(selection: list[str], *, limit_s: float = LIMIT_S) -> Answer:
    """Run tests until one is red; those that are slow where the selection has no others."""
    code, reds, log = _fork_pytest(["-x", *selection], limit_s)
    if code == _NONE_FOUND:
        code, reds, log = _fork_pytest(["-x", "-m", "slow", *selection], limit_s)
    if code is None:
        return Answer(True, "it never ended")
    if code in (_GREEN, _RED):
        return Answer(code == _RED, reds[0] if reds else "")
    if code < 0:
        return Answer(True, f"killed by signal {-code}")
    return Answer(False, problem="it selects no test" if code == _NONE_FOUND else log[-1500:])


def red_tests(tests: list[str]) -> set[str]:
    """Run these tests, all of them, and return those that are red, or every one where pytest did not end by itself."""
    code, reds, _ = _fork_pytest(tests, AGAIN_LIMIT_S)
    return set(reds) if code in (_GREEN, _RED) else set(tests)


class _Reds:
    """A plugin of pytest that writes down the ids of red tests, one a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{report.nodeid}\n")


def _fork_pytest(words: list[str], limit_s: float) -> tuple[int | None, list[str], str]:
    """Run pytest in a fork of this process, in which nothing of the product has been imported: its code, red tests and log."""
    log, reds = COPY.parent / "pytest.log", COPY.parent / "reds.txt"
    reds.write_text("", encoding="utf-8")
    child = os.fork()
    if child == 0:
        _become_pytest(words, log, _Reds(reds))
    code = _wait(child, limit_s)
    return code, reds.read_text(encoding="utf-8").splitlines(), log.read_text(encoding="utf-8", errors="replace")


def _become_pytest(words: list[str], log: Path, plugin: _Reds) -> None:
    """Never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(COPY)
        sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchferry"]:
            del sys.modules[name]  # a .pth file of the environment loads a part of it
        sys.dont_write_bytecode = True
        sys.path[:] = [str(COPY / "python"), *(entry for entry in sys.path if not entry.endswith("/tests"))]
        os.environ.update(PYTHONPATH=str(COPY / "python"), PYTHONDONTWRITEBYTECODE="1")
        os.environ.pop("FERRY_BUILD", None)
        arguments = ["-q", "-rfE", "-p", "no:cacheprovider", "--rootdir", str(COPY), "-c", str(COPY / "pyproject.toml")]
        code = int(pytest.main([*arguments, *words], plugins=[plugin]))
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _wait(child: int, limit_s: float) -> int | None:
    """The exit code, negative for a signal; None for a child that took too long and was stopped."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _first_red(text: str) -> str:
    found = _FIRST_RED.search(text)
    return "" if found is None else found[1]
