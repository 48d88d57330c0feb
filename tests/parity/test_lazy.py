"""`--lazy` in both programs: what the engine reads is checked before it is used, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from builders.programs import ROOT, Program
from torchferry import native
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError

DIGITS = ROOT / "exported" / "digits-mlp"
SAMPLES = DIGITS / "golden" / "batch-64.input.image.npy"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """digits-mlp with one bit flipped in what TorchScript runs."""
    folder = tmp_path / "digits-mlp"
    shutil.copytree(DIGITS, folder)
    path = folder / open_bundle(DIGITS).artifact("torchscript").files[0].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return folder


def test_another_engine_answers_as_ever(program: Program, changed: Path) -> None:
    options = ("--engine", "onnxruntime", "--input", SAMPLES)
    whole, lazy = program("predict", DIGITS, *options), program("predict", changed, "--lazy", *options)
    assert lazy.code == ExitCode.OK, lazy.stderr
    assert lazy.stdout == whole.stdout != b""


def test_the_changed_file_is_not_used(program: Program, changed: Path) -> None:
    done = program("predict", changed, "--lazy", "--engine", "torchscript", "--input", SAMPLES)
    assert done.code == ExitCode.INTEGRITY
    assert "sha256: got " in done.stderr
    assert done.stdout == b""


def test_without_it_everything_is_checked_first(program: Program, changed: Path) -> None:
    assert program("predict", changed, "--engine", "onnxruntime", "--input", SAMPLES).code == ExitCode.INTEGRITY


def test_from_python_through_libferry(changed: Path) -> None:
    bundle = native.open_bundle(changed, lazy=True)
    assert len(bundle.session("onnxruntime").run({"image": np.load(SAMPLES)})["label"]) == 64
    for refused in (lambda: bundle.session("torchscript"), lambda: native.open_bundle(changed)):
        with pytest.raises(FerryError, match="sha256: got") as caught:
            refused()
        assert caught.value.code == ExitCode.INTEGRITY
