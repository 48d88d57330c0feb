"""One static program with a bundle's model linked in (FERRY_STATIC, ferry_link_bundle): it loads no code, and proves itself all the same.

FERRY_STATIC_BUILD names a folder in which `cmake -DFERRY_STATIC=ON` has built the target `ferry`; without it that is built here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT
from builders.zoo import Zoo
from torchferry.errors import ExitCode

pytestmark = pytest.mark.slow
OFF = [f"-DFERRY_ENGINE_{engine}=OFF" for engine in ("TORCHSCRIPT", "AOTI", "EXECUTORCH", "ONNXRUNTIME")]
PROGRAM = """
#include <ferry/ferry.h>
#include <stdio.h>

int main(int count, char **words) {
  ferry_bundle *bundle = NULL;
  ferry_text *report = NULL;
  int code = count == 3 ? ferry_bundle_open(words[1], &bundle) : FERRY_USAGE;
  if (code == FERRY_OK) {
    ferry_bundle_allow_native(bundle);
    code = ferry_verify(bundle, words[2], "cpu", 1, 1, &report);
  }
  if (report != NULL) puts(ferry_text_get(report));
  if (code != FERRY_OK) fprintf(stderr, "error: %s\\n", ferry_last_error());
  return code;
}
"""
# What ferry_link_bundle writes, in CMake's script mode: no project is configured for it.
WRITER = """
include("{root}/cmake/LinkBundle.cmake")
ferry_find_c_files("{bundle}" c)
ferry_write_linked("{bundle}" "${{digest}}" "${{files}}" "{out}")
"""

CONSUMER = """
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(ferry REQUIRED)
add_executable(consumer program.c)
target_link_libraries(consumer PRIVATE ferry::ferry)
ferry_link_bundle(consumer "${BUNDLE}")
"""


def run(*command: object, code: int = 0) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libferry.a with the engines `c` and `c-int8` in it."""
    build = (
        Path(os.environ.get("FERRY_STATIC_BUILD", ""))
        if "FERRY_STATIC_BUILD" in os.environ
        else tmp_path_factory.mktemp("static")
    )
    if "FERRY_STATIC_BUILD" not in os.environ:
        options = ["-DFERRY_STATIC=ON", "-DFERRY_BUILD_TESTS=OFF", "-DFERRY_BUILD_EXAMPLES=OFF", "-DCMAKE_BUILD_TYPE=MinSizeRel"]
        run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", *options, *OFF)
        run("cmake", "--build", build, "--target", "ferry")
    return build / "lib" / "libferry.a"


def link(folder: Path, library: Path, *bundles: Path) -> Path:
    """Compile the program with the models of these bundles, and link it statically."""
    (folder / "program.c").write_text(PROGRAM)
    sources = [folder / "program.c"]
    for bundle in bundles:
        sources.append(folder / f"{bundle.name}.c")
        (folder / "write.cmake").write_text(WRITER.format(root=ROOT, bundle=bundle, out=sources[-1]))
        run("cmake", "-P", folder / "write.cmake")
    objects = [source.with_suffix(".o") for source in sources]
    for source, made in zip(sources, objects, strict=True):
        run("gcc", "-std=c11", "-O2", "-ffp-contract=off", "-I", ROOT / "cpp/include", "-c", source, "-o", made)
    run("g++", "-static", *objects, library, "-lsodium", "-o", folder / "program")
    return folder / "program"


@pytest.fixture(scope="module")
def bundle(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with C, and without an object that a program could load."""
    folder = tmp_path_factory.mktemp("bundles") / "classifier"
    shutil.copytree(str(zoo.bundle("classifier", "c")), folder)
    shutil.rmtree(folder / "native", ignore_errors=True)
    return folder


def test_a_linked_model_passes_and_the_program_is_static(library: Path, bundle: Path, tmp_path: Path) -> None:
    program = link(tmp_path, library, bundle)
    report = json.loads(run(program, bundle, "c"))
    assert report["passed"]
    assert [engine["status"] for engine in report["engines"]] == ["passed"]
    assert "INTERP" not in run("readelf", "--program-headers", program)  # no loader: nothing can be loaded


def configure_consumer(folder: Path, prefix: Path, bundle: Path) -> subprocess.CompletedProcess[str]:
    """A project of its own, which knows the installed package only."""
    (folder / "CMakeLists.txt").write_text(CONSUMER)
    (folder / "program.c").write_text(PROGRAM)
    words = ["cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DBUNDLE={bundle}"]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def prefix(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The development half of the static libferry, installed and moved."""
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", library.parents[1], "--prefix", folder / "made", "--component", "ferry-dev")
    return Path(shutil.move(folder / "made", folder / "moved here"))


def test_an_installed_package_links_a_bundle_into_a_project_of_its_own(prefix: Path, bundle: Path, tmp_path: Path) -> None:
    done = configure_consumer(tmp_path, prefix, bundle)
    assert done.returncode == 0, done.stderr
    run("cmake", "--build", tmp_path / "build")
    report = json.loads(run(tmp_path / "build" / "consumer", bundle, "c"))
    assert report["passed"]
    assert [engine["status"] for engine in report["engines"]] == ["passed"]


def test_an_installed_package_refuses_a_bundle_that_was_changed(prefix: Path, bundle: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(bundle, tmp_path / "broken"))
    content = bytearray((broken / "model.c").read_bytes())
    content[len(content) // 2] ^= 1
    (broken / "model.c").write_bytes(content)
    (tmp_path / "project").mkdir()
    done = configure_consumer(tmp_path / "project", prefix, broken)
    assert done.returncode != 0
    assert "model.c: got SHA-256" in " ".join(done.stderr.split())


def test_a_libferry_with_plugins_refuses_to_link_a_bundle(bundle: Path, tmp_path: Path) -> None:
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "shared", "--component", "ferry-dev")
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "shared", "--component", "ferry-runtime")
    (tmp_path / "project").mkdir()
    done = configure_consumer(tmp_path / "project", tmp_path / "shared", bundle)
    assert done.returncode != 0
    assert "got a libferry whose engine c is a plugin" in " ".join(done.stderr.split())


def test_a_program_without_the_model_refuses_the_bundle(library: Path, bundle: Path, tmp_path: Path) -> None:
    said = run(link(tmp_path, library), bundle, "c", code=ExitCode.UNAVAILABLE)
    assert "got none of the 0 models that are linked into this program" in said
    assert said.count("\n") == 1


def test_an_engine_that_needs_a_plugin_is_refused_by_name(library: Path, tmp_path: Path) -> None:
    said = run(link(tmp_path, library), ROOT / "exported" / "iris-adaline", "onnxruntime", code=ExitCode.UNAVAILABLE)
    assert "engine onnxruntime" in said


def test_a_flipped_bit_is_refused(library: Path, bundle: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    content = bytearray((broken / "model.c").read_bytes())
    content[len(content) // 2] ^= 1
    (broken / "model.c").write_bytes(content)
    assert "model.c: sha256: got" in run(link(tmp_path, library, bundle), broken, "c", code=ExitCode.INTEGRITY)
    done = subprocess.run(["cmake", "-P", tmp_path / "write.cmake"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    (tmp_path / "write.cmake").write_text(WRITER.format(root=ROOT, bundle=broken, out=tmp_path / "no.c"))
    done = subprocess.run(["cmake", "-P", tmp_path / "write.cmake"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "model.c: got SHA-256" in " ".join(done.stderr.split())  # CMake wraps its lines
