"""No library or module of the working folder is loaded: attacks with a library that writes a marker file when it is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builders.programs import ROOT, Program, run_program
from builders.spread import spread
from hostile.refusal import assert_error
from torchferry.errors import ExitCode

MARKER = "marker"
SOURCE = f'#include <stdio.h>\n__attribute__((constructor)) static void run(void) {{ fclose(fopen("{MARKER}", "w")); }}\n'
PLUGIN = "libferry_engine_torchscript.so"
IRIS = ROOT / "exported" / "iris-adaline"
RUNTIMES = (
    "libtorch.so",
    "libtorch_cpu.so",
    "libc10.so",
    "libgomp.so.1",
    "libonnxruntime.so.1",
    "libexecutorch.so",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "evil.c").write_text(SOURCE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "evil.so", folder / "evil.c"], check=True)
    return folder / "evil.so"


@pytest.fixture
def work(tmp_path: Path, library: Path) -> Path:
    """A working folder full of libraries and modules that write the marker."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name in (PLUGIN, *RUNTIMES):
        (folder / name).write_bytes(library.read_bytes())
        (folder / name).chmod(0o755)
    for name in ("torch", "numpy", "typer", "rich", "onnxruntime", "sitecustomize", "usercustomize", "json", "pydantic"):
        (folder / f"{name}.py").write_text(f"open({str(folder / MARKER)!r}, 'w').close()\n")
    return folder


def verify(ferry_run: Program, work: Path, **variables: str) -> object:
    kept = {name: value for name, value in os.environ.items() if name not in ("FERRY_ENGINE_DIR", "LD_LIBRARY_PATH")}
    return ferry_run("verify", IRIS, "--engine", "torchscript", cwd=work, env={**kept, **variables})


def test_the_library_would_leave_its_marker(work: Path) -> None:
    subprocess.run([sys.executable, "-c", f"import ctypes; ctypes.CDLL('./{PLUGIN}')"], cwd=work, check=True)
    assert (work / MARKER).exists()


@pytest.mark.parametrize("folder", [".", "work", "../work", "./"])
def test_a_relative_plugin_folder_is_refused(ferry_run: Program, work: Path, folder: str) -> None:
    done = verify(ferry_run, work, FERRY_ENGINE_DIR=folder)
    assert_error(done, ExitCode.UNAVAILABLE, "FERRY_ENGINE_DIR", "relative")
    assert not (work / MARKER).exists()


@pytest.mark.parametrize("what", ["the folder", "the plugin"])
def test_a_plugin_that_others_may_write_is_refused(ferry_run: Program, work: Path, what: str) -> None:
    (work if what == "the folder" else work / PLUGIN).chmod(0o777)
    done = verify(ferry_run, work, FERRY_ENGINE_DIR=str(work))
    assert_error(done, ExitCode.UNAVAILABLE, "another user may write")
    assert not (work / MARKER).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_plugin_of_another_user_is_refused(ferry_run: Program, work: Path) -> None:
    os.chown(work / PLUGIN, 12345, 12345)
    done = verify(ferry_run, work, FERRY_ENGINE_DIR=str(work))
    assert_error(done, ExitCode.UNAVAILABLE, "another user may write")
    assert not (work / MARKER).exists()


@pytest.mark.parametrize("value", ["lib", ".", "/nowhere::/other", "/nowhere:", ":", "/nowhere;lib"])
def test_no_plugin_opens_while_libraries_would_come_from_the_working_folder(
    ferry_run: Program, tmp_path: Path, value: str
) -> None:
    """In an empty folder: what the loader did for ferry-run's own libraries was done before it could look."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert_error(verify(ferry_run, empty, LD_LIBRARY_PATH=value), ExitCode.UNAVAILABLE, "LD_LIBRARY_PATH")


@pytest.mark.parametrize("value", ["", "/nowhere", "/nowhere:/other"])
def test_absolute_library_folders_are_fine(ferry_run: Program, tmp_path: Path, value: str) -> None:
    assert verify(ferry_run, tmp_path, LD_LIBRARY_PATH=value).code == ExitCode.OK  # type: ignore[attr-defined]


def test_plugins_in_the_working_folder_are_not_found(ferry_run: Program, work: Path) -> None:
    """Libraries are left out of this one: the run paths of the binaries are held by the tests of the package."""
    for name in RUNTIMES:
        (work / name).unlink()
    assert verify(ferry_run, work).code == ExitCode.OK  # type: ignore[attr-defined]
    assert not (work / MARKER).exists()


@pytest.mark.parametrize("start", [["-m", "torchferry"], ["-P", "-m", "torchferry"]], ids=["module", "safe"])
@pytest.mark.parametrize("engine", spread(["eager", "onnxruntime"], 1))
def test_modules_of_the_working_folder_are_not_imported(work: Path, start: list[str], engine: str) -> None:
    if start[0] == "-P" and sys.version_info < (3, 11):
        pytest.skip("this Python has no -P")
    done = run_program([sys.executable, *start], "verify", IRIS, "--engine", engine, cwd=work)
    assert done.code == ExitCode.OK, done.stderr
    assert not (work / MARKER).exists()


def test_the_console_script_does_not_look_there_either(work: Path) -> None:
    code = "import sys; from torchferry.cli.main import main; main()"  # what the script does, in a file elsewhere
    script = work.parent / "ferry"
    script.write_text(code)
    assert run_program([sys.executable, str(script)], "inspect", IRIS, cwd=work).code == ExitCode.OK
    assert not (work / MARKER).exists()


def test_libraries_beside_a_bundle_stay_unlisted(ferry_run: Program, iris: Path, library: Path) -> None:
    (iris / PLUGIN).write_bytes(library.read_bytes())
    assert ferry_run("verify", iris, "--engine", "torchscript", cwd=iris).code == ExitCode.INTEGRITY
    assert not (iris / MARKER).exists()
