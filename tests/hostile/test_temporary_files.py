"""Temporary files: a TMPDIR that is no folder is code 6, and a signal leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from hostile.refusal import assert_error


def test_a_missing_tmpdir_is_an_io_error(program: Program, c_bundle: Path) -> None:
    done = program("verify", c_bundle, "--engine", "c", "--allow-native", env={**os.environ, "TMPDIR": "/nonexistent"})
    assert_error(done, 6, "TMPDIR", "/nonexistent")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_file_of_python_predict(iris: Path, number: signal.Signals) -> None:
    np.save(iris.parent / "rows.npy", np.ones((400_000, 2), np.float32))
    output = iris.parent / "out" / "rows.jsonl"
    output.parent.mkdir()
    arguments = ["predict", iris, "--engine", "onnxruntime", "--input", iris.parent / "rows.npy", "--output", output]
    with subprocess.Popen([sys.executable, "-m", "torchferry", *map(str, arguments)], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not list(output.parent.iterdir()):
            assert time.monotonic() < deadline, "predict made no temporary file"
            time.sleep(0.005)
        process.send_signal(number)
    assert process.returncode != 0
    assert list(output.parent.iterdir()) == []
