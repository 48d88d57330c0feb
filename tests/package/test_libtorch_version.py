"""A plugin of LibTorch beside another version of it: refused in one line before a model is opened."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT, run_program
from torchferry.errors import ExitCode

BUNDLE = ROOT / "exported" / "iris-adaline"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Build settings: TORCH_VERSION=9.8.7+cpu, USE_CUDA=0", "got LibTorch 9.8.7, expected 2."),
        ("TORCH_VERSION=9.8.7.dev20261126", "got LibTorch 9.8.7, expected 2."),
        ("Build settings: USE_CUDA=0", "got LibTorch of an unknown version, expected 2."),
    ],
)
def test_a_libtorch_of_another_version_is_refused_in_one_line(said: str, told: str, tmp_path: Path) -> None:
    """The library that is loaded is made to say another version of itself."""
    (tmp_path / "other.cpp").write_text(
        f'#include <string>\nnamespace at {{ std::string show_config() {{ return "{said}"; }} }}\n'
    )
    command = ["c++", "-shared", "-fPIC", "-o", tmp_path / "other.so", tmp_path / "other.cpp"]
    subprocess.run(command, check=True, timeout=120)
    environment = {**os.environ, "LD_PRELOAD": str(tmp_path / "other.so")}
    program = [str(BUILD / "bin" / "ferry-run")]
    done = run_program(program, "verify", BUNDLE, "--engine", "torchscript", "--no-isolate", env=environment)
    assert (done.code, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1), done
    assert told in done.stderr
    assert "pip install torch==2." in done.stderr
