"""The installed product: `cmake --install`, the prefix moved elsewhere, no LD_LIBRARY_PATH, every engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.binaries import binaries, is_safe, needed, run_path
from builders.programs import BUILD, ROOT
from builders.spread import spread
from builders.trained import Trained
from torchferry.errors import ExitCode, FerryError

ENGINES = sorted(path.stem.removeprefix("libferry_engine_") for path in (BUILD / "lib" / "ferry").glob("libferry_engine_*.so"))
FORMATS = {"onnxruntime": "onnx"}  # of the other engines the format has the engine's name
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in {"LD_LIBRARY_PATH", "FERRY_ENGINE_DIR"}}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An install tree that is not where it was made."""
    folder = tmp_path_factory.mktemp("install")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", folder / "made"], check=True, capture_output=True)
    return Path(shutil.move(folder / "made", folder / "moved here"))


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed")
def test_no_run_path_depends_on_the_current_folder(prefix: Path) -> None:
    found = binaries(BUILD) + binaries(prefix)
    assert {"ferry-run", "libferry_engine_c.so"} <= {path.name for path in found}
    unsafe = {path: [element for element in run_path(path) if not is_safe(element)] for path in found}
    assert {path: elements for path, elements in unsafe.items() if elements} == {}


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose loading leaves a file `ran` in the current folder."""
    folder = tmp_path_factory.mktemp("bait")
    (folder / "bait.c").write_text(
        '#include <stdio.h>\n__attribute__((constructor)) static void f(void) { fclose(fopen("ran", "w")); }\n'
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "bait.so", folder / "bait.c"], check=True)
    return folder / "bait.so"


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed")
@pytest.mark.parametrize("tree", ["build", "install"])
@pytest.mark.parametrize("verb", [["inspect", "."], ["verify", ".", "--engine", "torchscript"]], ids=lambda verb: verb[0])
def test_a_library_in_a_bundle_does_not_run(tree: str, verb: list[str], prefix: Path, bait: Path, tmp_path: Path) -> None:
    root = BUILD if tree == "build" else prefix
    bundle = Path(shutil.copytree(ROOT / "exported" / "iris-adaline", tmp_path / "bundle"))
    names = set().union(*(needed(path) for path in (root / "bin" / "ferry-run", *(root / "lib").rglob("*.so*"))))
    assert "libstdc++.so.6" in names
    for name in names:
        shutil.copyfile(bait, bundle / name)
    done = subprocess.run(
        [root / "bin" / "ferry-run", *verb], cwd=bundle, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert not (bundle / "ran").exists(), done.stderr
    assert done.returncode == 4, done.stderr  # files that the manifest does not list


@pytest.mark.parametrize("engine", [pytest.param(engine, marks=[pytest.mark.slow] * (engine == "aoti")) for engine in ENGINES])
@pytest.mark.parametrize("name", spread(["digits-mlp", "iris-adaline"], 1))
def test_every_engine_verifies_from_a_moved_prefix(engine: str, name: str, prefix: Path, trained: Trained) -> None:
    try:
        bundle = trained.bundle_for(name, FORMATS.get(engine, engine))
    except FerryError as error:
        if error.code != ExitCode.UNAVAILABLE:
            raise
        pytest.skip(str(error))
    command = [prefix / "bin" / "ferry-run", "verify", bundle, "--engine", engine, "--allow-native"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout


def test_the_programs_of_the_readme_run_from_a_moved_prefix(prefix: Path, tmp_path: Path) -> None:
    example = re.findall(r"^```cpp\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "app.cpp").write_text(example)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(app CXX)\nfind_package(ferry REQUIRED)\n"
        "add_executable(app app.cpp)\ntarget_link_libraries(app PRIVATE ferry::ferry)\n"
    )
    for step in (["-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"], ["--build", tmp_path / "build"]):
        subprocess.run(["cmake", *step], check=True, capture_output=True, env=ENVIRONMENT)
    done = subprocess.run([tmp_path / "build" / "app"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr
