"""model.cmake of a bundle: a program of a user includes it, is built by CMake and gives the bundle's golden answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builders.zoo import Zoo
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines.c_build import find_compiler

CMAKE = """
cmake_minimum_required(VERSION 3.10)
project(consumer LANGUAGES C CXX)
include("{bundle}/model.cmake")
add_executable(from_c main.c)
target_link_libraries(from_c PRIVATE classifier)
add_executable(from_cpp main.cpp)
target_link_libraries(from_cpp PRIVATE classifier)
"""
PROGRAM = """
#include <model.h>
#include <stdio.h>
int main(void) {
  classifier_input input;
  if (classifier_selftest() != CLASSIFIER_SELFTEST_PASSED) {
    return 1;
  }
  while (fread(&input, sizeof input, 1, stdin) == 1) {
    printf("%d\\n", classifier_classify(&input));
  }
  return 0;
}
"""


def cmake() -> str | None:
    """Beside this Python (its wheel), else on the PATH."""
    here = Path(sys.executable).with_name("cmake")
    return str(here) if here.exists() else shutil.which("cmake")


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
def test_a_program_built_with_the_snippet_gives_the_golden_labels(zoo: Zoo, tmp_path: Path) -> None:
    program = cmake()
    if program is None:
        pytest.skip("cmake is not here")
    folder = zoo.bundle("classifier", "c")
    assert folder is not None
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(bundle=folder))
    (tmp_path / "main.c").write_text(PROGRAM)
    (tmp_path / "main.cpp").write_text(PROGRAM)
    for arguments in (["-S", str(tmp_path), "-B", str(tmp_path / "build")], ["--build", str(tmp_path / "build")]):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    bundle = open_bundle(folder)
    case = read_case(bundle, bundle.manifest.golden.cases[0])
    for name in ("from_c", "from_cpp"):
        done = subprocess.run([tmp_path / "build" / name], input=case.inputs["image"].tobytes(), capture_output=True, check=True)
        assert np.array_equal([int(line) for line in done.stdout.split()], case.float64["label"])
