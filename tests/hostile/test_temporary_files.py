"""Temporary files: a TMPDIR that is no folder is code 6, and a signal leaves nothing behind."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.programs import BUILD, Program
from builders.spread import spread
from hostile.refusal import assert_error

COMMANDS = {"Python": [sys.executable, "-m", "torchferry"], "C++": [str(BUILD / "bin" / "ferry-run")]}
_NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}  # Python puts a .pyc that a limit has cut in its place, for every later program
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
both_languages = pytest.mark.parametrize("language", COMMANDS)


def test_a_missing_tmpdir_is_an_io_error(program: Program, c_bundle: Path) -> None:
    done = program("verify", c_bundle, "--engine", "c", "--allow-native", env={**os.environ, "TMPDIR": "/nonexistent"})
    assert_error(done, 6, "TMPDIR", "/nonexistent")


def wait_for(holds: Callable[[], object], what: str) -> None:
    """Wait until `holds` says so, a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def take_signals() -> None:
    """In a child: undo what a background shell and nohup do, which start the tests with these signals ignored."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@both_languages
@pytest.mark.parametrize("number", spread(SIGNALS, 1))
def test_a_signal_leaves_no_file_of_predict(iris: Path, language: str, number: signal.Signals) -> None:
    output = iris.parent / "out" / "rows.jsonl"
    output.parent.mkdir()
    arguments = ["predict", iris, "--engine", "onnxruntime", "--input", "-", "--output", output, "--batch", "1"]
    command = [*COMMANDS[language], *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=take_signals) as process:
        assert process.stdin is not None
        process.stdin.write(b"x0,x1\n" + b"1,2\n" * 40_000)  # the rest never comes: predict waits for it
        process.stdin.flush()
        wait_for(lambda: list(output.parent.iterdir()), "predict made no temporary file")
        process.send_signal(number)
        process.wait()
    assert process.returncode != 0
    assert list(output.parent.iterdir()) == []


@both_languages
@pytest.mark.parametrize("ending", ["jsonl", "csv", "npy"])
def test_a_file_that_may_not_grow_is_an_io_error_and_leaves_none(iris: Path, language: str, ending: str) -> None:
    output = iris.parent / "out" / f"rows.{ending}"
    output.parent.mkdir()
    np.save(iris.parent / "rows.npy", np.ones((5_000, 2), np.float32))
    arguments = ["predict", iris, "--engine", "onnxruntime", "--input", iris.parent / "rows.npy", "--output", output]
    if ending == "npy":
        arguments += ["--select", "net_input"]
    done = subprocess.run(
        [*COMMANDS[language], *map(str, arguments)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),  # the kernel sends SIGXFSZ
        env={**os.environ, **_NO_BYTECODE},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert list(output.parent.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("most", spread([300, 4096, 20_000], 1))
def test_a_full_disk_is_told_with_the_place_of_the_export(tmp_path: Path, most: int) -> None:
    out = tmp_path / "out"
    options = ["--input", "image=uint8[N,4,4]:0..255", "--to", "torchscript,onnx", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "torchferry", "export", "builders.models:Classifier", *options],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        env={**os.environ, **_NO_BYTECODE, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert done.stderr == f"error: {out}: got File too large, expected to read or write it\n"
    assert list(tmp_path.iterdir()) == []


@both_languages
@pytest.mark.parametrize("number", spread(SIGNALS, 1))
def test_a_signal_leaves_no_file_of_the_c_compile(c_bundle: Path, language: str, number: signal.Signals) -> None:
    shutil.rmtree(c_bundle / "native")
    temporary, compiler = c_bundle.parent / "tmp", c_bundle.parent / "slow-cc"
    temporary.mkdir()
    compiler.write_text('#!/bin/sh\nsleep 1\nexec cc "$@"\n')
    compiler.chmod(0o755)
    command = [*COMMANDS[language], "verify", str(c_bundle), "--engine", "c", "--allow-native"]
    environment = {**os.environ, "TMPDIR": str(temporary), "CC": str(compiler)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=take_signals
    ) as process:
        wait_for(lambda: list(temporary.rglob("*.c")), "nothing was compiled")
        process.send_signal(number)
    assert process.returncode != 0
    assert list(temporary.iterdir()) == []
