"""The wheel and the sources as `pip install` takes them: each in an environment with nothing else, then with the runtimes.

FERRY_DIST names a folder where `make wheel` has built both; without it they are built here, which takes minutes.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from builders.binaries import binaries, is_safe, run_path
from builders.programs import ROOT
from builders.trained import Trained
from builders.wheels import installed, packages, run
from torchferry.errors import ExitCode
from torchferry.version import VERSION

pytestmark = pytest.mark.slow
BUNDLE = ROOT / "exported" / "iris-adaline"
CORE = {"ferry", "ferry-run", "torchferry-config"}
PROGRAM = """
#include <ferry/ferry.hpp>
#include <iostream>
int main(int, char** argv) try {
  const auto bundle = ferry::Bundle::open(argv[1]);
  const ferry::Session session(bundle, {.engine = argv[2], .device = "cpu", .allow_native = true});
  std::cout << (ferry::verify(bundle, session).status == ferry::EngineVerdict::Status::passed ? "same\\n" : "other\\n");
} catch (const ferry::Error& error) {
  std::cerr << error.what() << '\\n';
  return static_cast<int>(error.code());
}
"""


@pytest.fixture(scope="module", params=["wheel", "sources"])
def core(request: pytest.FixtureRequest, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core alone; of the sources pip builds it in isolation."""
    (file,) = dist.glob("*.whl" if request.param == "wheel" else "*.tar.gz")
    return installed(tmp_path_factory.mktemp(request.param) / "env", file)


@pytest.fixture(scope="module")
def bundle(trained: Trained) -> Path:
    """The Adaline with the C that needs no runtime."""
    return trained.bundle_for("iris-adaline", "c")


def passed(printed: str) -> set[str]:
    return set(re.findall(r"^PASSED (\S+)", printed, re.MULTILINE))


def test_the_core_has_no_torch_and_all_programs(core: Path) -> None:
    names = {path.name.partition("-")[0] for path in packages(core).iterdir()}
    assert not names & {"torch", "onnx", "onnxruntime", "matplotlib", "sklearn", "PIL"}
    assert {path.name for path in core.iterdir()} >= CORE
    assert run(core / "ferry", "--version") == f"ferry {VERSION}\n"
    assert run(core / "ferry-run", "--version") == f"ferry-run {VERSION}\n"
    assert run(core / "torchferry-config", "--version") == f"{VERSION}\n"


def test_the_core_inspects_and_verifies_in_both_languages(core: Path, bundle: Path) -> None:
    assert "every digest is right" in run(core / "ferry", "inspect", BUNDLE)
    for program in ("ferry", "ferry-run"):
        assert passed(run(core / program, "verify", bundle, "--engine", "c", "--allow-native")) == {"c"}
    closing = run(core / "ferry", "verify", bundle, "--all", "--allow-native", "--require", "python,cpp,c").splitlines()[-1]
    assert closing.endswith("ran: c (Python, C++)"), closing


def test_the_core_runs_and_verifies_inside_python(core: Path, bundle: Path) -> None:
    code = "import sys; from torchferry import native; b = native.open_bundle(sys.argv[1]); b.allow_native(); print(b.verify('c').passed)"
    assert run(core / "python", "-c", code, bundle) == "True\n"


def test_the_core_reads_files_as_samples(core: Path) -> None:
    """libferry_samples finds the libjpeg that the wheel has brought."""
    code = "import sys; from torchferry import native; s = native.open_bundle(sys.argv[1]).samples(sys.argv[2]); print(s.read(5)['measurements'].shape)"
    golden = BUNDLE / "golden" / "batch-64.input.measurements.npy"
    assert run(core / "python", "-c", code, BUNDLE, golden) == "(5, 2)\n"


@pytest.mark.parametrize("core", ["wheel"], indirect=True)  # what is built from the sources brings no library
def test_the_core_has_the_licence_of_each_library_that_it_brings(core: Path) -> None:
    (information,) = packages(core).glob("torchferry-*.dist-info")
    bill = json.loads((information / "sboms" / "auditwheel.cdx.json").read_text())
    named = {component["name"]: component for component in bill["components"] if component["name"] != "torchferry"}
    brought = {path.name.partition("-")[0] for path in (packages(core) / "torchferry.libs").iterdir()}
    assert brought == {"libjpeg", "libseccomp", "libsodium"}
    for library in brought:
        (name,) = (name for name in named if name.startswith(library))
        assert named[name]["licenses"]
        assert len((information / "licenses" / f"{name}.txt").read_text()) > 1000


def test_the_core_names_the_extra_of_each_engine_that_it_lacks(core: Path) -> None:
    for program in ("ferry", "ferry-run"):
        printed = run(core / program, "verify", BUNDLE, code=ExitCode.UNAVAILABLE)
        assert "pip install 'torchferry[onnxruntime]'" in printed
        assert program == "ferry-run" or "pip install 'torchferry[export,libtorch]'" in printed


def test_a_program_in_cpp_finds_the_package_and_verifies(core: Path, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "app.cpp").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(app CXX)\nfind_package(ferry REQUIRED)\n"
        "add_executable(app app.cpp)\ntarget_link_libraries(app PRIVATE ferry::ferry)\n"
    )
    cmake = Path(sys.executable).parent / "cmake"
    place = run(core / "torchferry-config", "--cmakedir").strip()
    run(cmake, "-S", tmp_path, "-B", tmp_path / "build", f"-Dferry_DIR={place}")
    run(cmake, "--build", tmp_path / "build")
    assert run(tmp_path / "build" / "app", bundle, "c") == "same\n"


def test_no_run_path_of_the_wheel_depends_on_the_current_folder_or_on_where_it_was_built(core: Path) -> None:
    found = [path for name in ("torchferry", "torchferry.libs") for path in binaries(packages(core) / name)]
    assert {"ferry-run", "ferry-cell", "libferry.so", "libferry_engine_onnxruntime.so", "libferry_samples.so"} <= {
        path.name for path in found
    }
    for path in found:
        assert all(is_safe(element) and element.startswith("$ORIGIN") for element in run_path(path)), (path, run_path(path))


@pytest.fixture(scope="module")
def whole(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The wheel with onnxruntime by its extra, and with the torch and executorch of this environment beside it, as links."""
    (file,) = dist.glob("*.whl")
    programs = installed(tmp_path_factory.mktemp("whole") / "env", f"torchferry[onnxruntime] @ file://{file}")
    for name in ("torch", "torchgen", "functorch", "sympy", "mpmath", "networkx", "executorch"):
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            (packages(programs) / name).symlink_to(spec.submodule_search_locations[0])
    yield programs
    shutil.rmtree(programs.parent)


@pytest.mark.parametrize("isolation", ["--isolate", "--no-isolate"])
@pytest.mark.parametrize("name", ["torchscript", "onnx", "aoti", "executorch", "c"])
def test_every_engine_of_the_wheel_finds_its_runtime_beside_it(name: str, isolation: str, whole: Path, trained: Trained) -> None:
    if name == "executorch":
        pytest.importorskip("executorch", reason="ExecuTorch is not installed here")
    bundle, engine = trained.bundle_for("iris-adaline", name), {"onnx": "onnxruntime"}.get(name, name)
    printed = run(whole / "ferry-run", "verify", bundle, "--engine", engine, "--allow-native", isolation)
    assert passed(printed) == {engine}
    if name in ("torchscript", "onnx", "c") and isolation == "--isolate":
        assert passed(run(whole / "ferry", "verify", bundle, "--engine", engine, "--allow-native")) == {engine}


def test_the_tag_of_the_wheel_is_for_every_python_and_says_how_old_a_glibc_may_be(dist: Path) -> None:
    (file,) = dist.glob("*.whl")
    assert re.fullmatch(rf"torchferry-{re.escape(VERSION)}-py3-none-manylinux_2_\d+_\w+\.whl", file.name)
