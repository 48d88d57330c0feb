"""Generated C in other people's programs: by the bundle's model.cmake from C and C++, and on a microcontroller."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.programs import ROOT
from builders.trained import Trained
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines.c_build import find_compiler

EXAMPLES = ROOT / "cpp" / "examples"
CMAKE = """
cmake_minimum_required(VERSION 3.10)
project(consumer LANGUAGES C CXX)
include("{bundle}/model.cmake")
add_executable(from_c main.c)
target_link_libraries(from_c PRIVATE digits_mlp)
add_executable(from_cpp main.cpp)
target_link_libraries(from_cpp PRIVATE digits_mlp)
"""


@pytest.fixture
def bundle(trained: Trained) -> Path:
    return trained.bundle("digits-mlp")


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
def test_a_program_built_with_the_snippet_gives_the_golden_labels(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(bundle=bundle))
    for name in ("main.c", "main.cpp"):
        shutil.copyfile(EXAMPLES / "embedded.c", tmp_path / name)
    for arguments in (["-S", str(tmp_path), "-B", str(tmp_path / "build")], ["--build", str(tmp_path / "build")]):
        done = subprocess.run(["cmake", *arguments], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    opened = open_bundle(bundle)
    case = read_case(opened, opened.manifest.golden.cases[0])
    for name in ("from_c", "from_cpp"):
        done = subprocess.run([tmp_path / "build" / name], input=case.inputs["image"].tobytes(), capture_output=True, check=True)
        assert np.array_equal([int(line) for line in done.stdout.split()], case.float64["label"])


def test_the_firmware_passes_its_self_test_and_counts_instructions(bundle: Path, tmp_path: Path) -> None:
    missing = [tool for tool in ("arm-none-eabi-gcc", "qemu-system-arm", "make") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; run `make setup-edge`")
    example = shutil.copytree(EXAMPLES / "firmware", tmp_path / "my projects" / "für uns")
    model = shutil.copytree(bundle, tmp_path / "my model")
    command = ["make", "-s", "-f", example / "Makefile", f"MODEL={model}", f"BUILD={tmp_path / 'my build'}", "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.startswith("PASS\n")  # the emulator's console
    count = re.search(r"instructions per call: (\d+)", done.stderr)
    assert count is not None
    assert 10_000 < int(count[1]) < 1_000_000, "64-32-10 has some 2,400 products"
    stack = re.search(r"bytes of stack: (\d+)", done.stderr)
    assert stack is not None
    assert 256 < int(stack[1]) < 1024, "model.h promises less than 1 KiB to a program that brings the memory"


def test_the_comment_has_the_bounds_of_the_manifest(trained: Trained) -> None:
    for form, bundle in (("c", trained.bundle("digits-mlp")), ("c-int8", trained.bundle_for("digits-mlp", "c-int8"))):
        rows = [row for row in open_bundle(bundle).manifest.tolerances if row.engine == form and row.kind == "absolute"]
        comment = (bundle / "model.h").read_text().partition("*/")[0]
        assert {row.output for row in rows} == {"logits", "probabilities"}
        for row in rows:
            assert f" *   {row.output}: at most {row.bound:.3g}\n" in comment
