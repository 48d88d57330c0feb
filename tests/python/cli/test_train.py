"""`ferry train`: its words, its lines, its exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
COMMAND = [sys.executable, "-c", "from torchferry.cli.main import main; main()", "train"]


def ferry_train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, env=ONE_THREAD, check=False)


@pytest.mark.slow
def test_train_prints_a_line_an_epoch_and_what_it_wrote(tmp_path: Path):
    result = ferry_train(tmp_path, "iris-adaline")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 21
    assert "loss 0.38849" in lines[0]
    assert lines[-1] == "iris-adaline: 20 epochs: loss 0.10025  train 92.86 %  test 93.33 %; wrote runs/iris-adaline"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nosuch"], 2, "recipe: got 'nosuch'"),
        (["iris-adaline", "--epochs", "-1"], 2, "--epochs: got -1"),
        (["iris-adaline", "--learning-rate", "nan"], 2, "--learning-rate: got 'nan'"),
        (["iris-adaline", "--device", "cuda:99"], 5, "--device: got cuda:99"),
        (["iris-adaline", "--learning-rate", "1e30"], 7, "loss: epoch 1, batch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_error_is_one_line_with_its_exit_code(arguments: list[str], code: int, says: str, tmp_path: Path):
    result = ferry_train(tmp_path, *arguments)
    assert result.returncode == code
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"error: {says}")


@pytest.mark.slow
def test_interrupted_run_says_how_to_go_on(tmp_path: Path):
    # A shell's background job starts with SIGINT ignored, and so does all that it starts; a person's Ctrl-C does not.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " + COMMAND[2]
    command = [sys.executable, "-c", code, "train", "digits-mlp", "--epochs", "4000"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ONE_THREAD)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "interrupted; go on with: ferry train digits-mlp --out runs/digits-mlp --resume\n"
    resumed = ferry_train(tmp_path, "digits-mlp", "--resume", "--learning-rate", "0.1")
    assert resumed.stderr.startswith("error: --learning-rate: got 0.1, expected 0.003")
