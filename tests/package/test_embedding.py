"""Generated C in other people's programs: by the bundle's model.cmake from C and C++, and on a microcontroller."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.edge_networks import FILE, edge_network
from builders.generated_c import write
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


@pytest.mark.slow
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


def firmware(model: Path, folder: Path) -> tuple[int, int]:
    """Build the firmware of a model in folders whose names have spaces, run it, and return instructions of a call and bytes of stack."""
    missing = [tool for tool in ("arm-none-eabi-gcc", "qemu-system-arm", "make") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; run `make setup-edge`")
    example = shutil.copytree(EXAMPLES / "firmware", folder / "my projects" / "für uns")
    command = ["make", "-s", "-f", example / "Makefile", f"BUNDLE={model}", f"BUILD={folder / 'my build'}", "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.startswith("PASS\n")  # the emulator's console
    count, stack = (re.search(rf"{words}: (\d+)", done.stderr) for words in ("instructions per call", "bytes of stack"))
    assert count is not None
    assert stack is not None
    return int(count[1]), int(stack[1])


def test_the_firmware_passes_its_self_test_and_counts_instructions(bundle: Path, tmp_path: Path) -> None:
    count, stack = firmware(Path(shutil.copytree(bundle, tmp_path / "my model")), tmp_path)
    assert 10_000 < count < 1_000_000, "64-32-10 has some 2,400 products"
    assert 256 < stack < 1024, "model.h promises less than 1 KiB to a program that brings the memory"


@pytest.mark.slow
@pytest.mark.skipif(not FILE.exists(), reason=f"{FILE} is not here; set FERRY_CASES")
@pytest.mark.parametrize(("name", "products"), [("keyword_spotting", 2_700_000), ("image_classification", 12_500_000)])
def test_the_firmware_takes_networks_that_people_ship(name: str, products: int, tmp_path: Path) -> None:
    model = tmp_path / "my model"
    write(edge_network(name), model)
    count, stack = firmware(model, tmp_path)
    assert products < count < 20 * products
    assert 256 < stack < 1024


def test_the_firmware_of_a_bundle_without_c_is_refused_in_one_line(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    command = ["make", "-s", "-f", EXAMPLES / "firmware" / "Makefile", f"BUNDLE={tmp_path}", f"BUILD={tmp_path / 'build'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"error: {tmp_path}/model.h: got no model, expected a bundle with C; export it with --to c\n" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("example", ["firmware", "browser"])
def test_an_example_whose_weights_are_a_file_is_refused_in_one_line(example: str, tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    header = tmp_path / "model.h"
    header.write_text("typedef struct net_input {\n} net_input;\nint net_open(const void *weights, size_t bytes);\n")
    command = ["make", "-s", "-f", EXAMPLES / example / "Makefile", f"BUNDLE={tmp_path}", f"BUILD={tmp_path / 'build'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    line, made = done.stderr.splitlines()
    assert line == (
        f"error: {header}: got a model whose weights are a file of their own, expected them in the code; "
        "export it without --separate-weights"
    )
    assert re.fullmatch(r"make(\[\d+\])?: \*\*\* .*", made), made
    assert list(tmp_path.iterdir()) == [header]


def test_the_comment_has_the_bounds_of_the_manifest(trained: Trained) -> None:
    for form, bundle in (("c", trained.bundle("digits-mlp")), ("c-int8", trained.bundle_for("digits-mlp", "c-int8"))):
        rows = [row for row in open_bundle(bundle).manifest.tolerances if row.engine == form and row.kind == "absolute"]
        comment = (bundle / "model.h").read_text().partition("*/")[0]
        assert {row.output for row in rows} == {"logits", "probabilities"}
        for row in rows:
            assert f" *   {row.output}: at most {row.bound:.3g}\n" in comment
