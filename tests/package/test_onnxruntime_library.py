"""Where the plugin `onnxruntime` takes its library from, and what it says where that is none, too old or no ONNX Runtime."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import onnxruntime
import pytest

from builders.programs import BUILD, ROOT, Finished, run_program
from torchferry.errors import ExitCode

BUNDLE = ROOT / "exported" / "digits-mlp"
PLUGIN = "libferry_engine_onnxruntime.so"
BESIDE = "libonnxruntime.so.1"
TOO_OLD = """
struct base { const void *(*get)(unsigned); const char *(*version)(void); };
static const void *get(unsigned version) { (void)version; return 0; }
static const char *version(void) { return "1.2.3"; }
const struct base *OrtGetApiBase(void) { static const struct base table = {get, version}; return &table; }
"""


@pytest.fixture(scope="module", autouse=True)
def _plugin_is_built() -> None:
    assert (BUILD / "lib" / "ferry" / PLUGIN).exists(), f"{PLUGIN} is missing: no onnxruntime in .venv when it was configured?"


def verify(engines: Path, *options: str, cwd: Path | None = None, **environment: str) -> Finished:
    variables = {**os.environ, "FERRY_ENGINE_DIR": str(engines), **environment}
    return run_program([str(BUILD / "bin" / "ferry-run")], "verify", BUNDLE, *options, cwd=cwd, env=variables)


def compile_library(folder: Path, code: str) -> Path:
    source = folder / "library.c"
    source.write_text(code)
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(folder / BESIDE)], check=True, timeout=60)
    return folder / BESIDE


def wheel_library() -> Path:
    (found,) = (Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*")
    return found


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The built plugin in a folder of its own: it knows the library of the build, and looks beside itself first."""
    shutil.copy(BUILD / "lib" / "ferry" / PLUGIN, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin that was built with a relative path, as if the library that the build had found were gone."""
    folder = tmp_path_factory.mktemp("moved")
    sources = sorted(str(path) for path in (ROOT / "cpp" / "engines").glob("onnx*.cpp"))
    flags = ["-std=c++20", "-shared", "-fPIC", *include_flags(), f'-DFERRY_ONNXRUNTIME_LIBRARY="{BESIDE}"']
    subprocess.run(["c++", *flags, *sources, "-o", str(folder / PLUGIN)], check=True, timeout=300)
    return folder


def include_flags() -> list[str]:
    """Where the build finds the plugin's headers."""
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    (command,) = (entry["command"] for entry in commands if entry["file"].endswith("/engines/onnxruntime.cpp"))
    words = shlex.split(command)
    near = [word for word in words if word.startswith("-I")]
    return [*near, *(part for at, word in enumerate(words) if word == "-isystem" for part in words[at : at + 2])]


def refusal(done: Finished) -> str:
    """The one line of an engine that is not available here."""
    assert (done.code, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, 1), done
    return done.stderr


def test_a_library_beside_the_plugin_is_taken_before_the_builds(copied: Path) -> None:
    compile_library(copied, TOO_OLD)
    assert "got ONNX Runtime 1.2.3, expected 1.22 or newer" in refusal(verify(copied, "--engine", "onnxruntime"))


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_a_file_that_is_no_library_is_refused(copied: Path, content: bytes) -> None:
    (copied / BESIDE).write_bytes(content)
    assert f"{BESIDE}: got a file that is no library of ONNX Runtime" in refusal(verify(copied, "--engine", "onnxruntime"))


def test_a_library_of_something_else_is_refused(copied: Path) -> None:
    compile_library(copied, "int nothing;\n")
    assert "OrtGetApiBase" in refusal(verify(copied, "--engine", "onnxruntime"))


def test_without_a_usable_library_the_other_engines_go_on(copied: Path) -> None:
    compile_library(copied, TOO_OLD)
    done = verify(copied)
    assert done.code == ExitCode.OK, done
    assert b"could not run onnxruntime" in done.stdout
    assert b"PASSED torchscript" in done.stdout


@pytest.mark.slow
def test_a_moved_plugin_without_a_library_says_where_it_looked(moved: Path) -> None:
    assert str(moved / BESIDE) in refusal(verify(moved, "--engine", "onnxruntime"))


@pytest.mark.parametrize("variable", ["", "LD_LIBRARY_PATH"])
def test_a_library_in_the_current_folder_is_never_opened(moved: Path, tmp_path: Path, variable: str) -> None:
    """The plugin was built with the bare name, which a careless search would find there."""
    (tmp_path / BESIDE).symlink_to(wheel_library())
    environment = {variable: str(tmp_path)} if variable else {}
    assert "got no ONNX Runtime" in refusal(verify(moved, "--engine", "onnxruntime", cwd=tmp_path, **environment))


def test_a_moved_plugin_runs_with_the_library_beside_it(moved: Path, tmp_path: Path) -> None:
    shutil.copy(moved / PLUGIN, tmp_path)
    (tmp_path / BESIDE).symlink_to(wheel_library())
    done = verify(tmp_path, "--engine", "onnxruntime")
    assert done.code == ExitCode.OK, done
    assert b"PASSED onnxruntime" in done.stdout


def test_the_plugin_needs_no_library_of_onnx_runtime_to_be_linked() -> None:
    printed = subprocess.run(["readelf", "-d", BUILD / "lib" / "ferry" / PLUGIN], capture_output=True, text=True, check=True)
    needed = [line for line in printed.stdout.splitlines() if "(NEEDED)" in line]
    assert needed
    assert not any("onnxruntime" in line for line in needed)
