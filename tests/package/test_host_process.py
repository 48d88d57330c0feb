"""libferry and ferry-run inside processes that other people set up: a comma for a decimal point, no SIGCHLD, closed descriptors."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT
from builders.spread import spread
from builders.trained import Trained
from torchferry.engines.c_build import find_compiler

FERRY_RUN = BUILD / "bin" / "ferry-run"
HOST = r"""
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ferry/ferry.h>
#include <ferry/ferry.hpp>
#include <locale>

// host BUNDLE ENGINE WHAT: sets the process up as WHAT says, then verifies the bundle through the C++ API.
int main(int argc, char** argv) {
  if (argc != 4) return 99;
  const bool comma = std::strcmp(argv[3], "comma") == 0;
  if (comma && std::setlocale(LC_ALL, "de_DE.UTF-8") == nullptr) return 98;
  if (comma) std::locale::global(std::locale("de_DE.UTF-8"));
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", 0.5);
  if (comma && std::strcmp(text, "0,5") != 0) return 97;
  if (std::strcmp(argv[3], "sigchld") == 0) std::signal(SIGCHLD, SIG_IGN);
  try {
    const auto bundle = ferry::Bundle::open(argv[1]);
    const ferry::Session session(bundle, {.engine = argv[2], .allow_native = true});
    const auto verdict = ferry::verify(bundle, session);
    std::puts(verdict.status == ferry::EngineVerdict::Status::passed ? "passed" : "failed");
    return verdict.status == ferry::EngineVerdict::Status::passed ? 0 : 1;
  } catch (const ferry::Error& error) {
    std::puts(error.what());
    return static_cast<int>(error.code());
  }
}
"""
WRAPS = r"""
#include <ferry/ferry.h>
#include <stdio.h>

/* float32[2^61 + 1, 2] has 2^64 + 8 bytes, which a sum of 64 bits takes for 8. */
int main(int argc, char** argv) {
  ferry_bundle* bundle = NULL;
  ferry_session* session = NULL;
  ferry_outputs* outputs = NULL;
  const int64_t shape[2] = {(INT64_C(1) << 61) + 1, 2};
  const float values[2] = {1, 2};
  if (argc != 3 || ferry_bundle_open(argv[1], &bundle) || ferry_session_open(bundle, argv[2], "cpu", 1, &session)) return 99;
  const ferry_tensor_view view = {"measurements", FERRY_FLOAT32, 2, shape, values, sizeof values};
  const int code = ferry_session_run(session, &view, 1, &outputs);
  puts(ferry_last_error());
  return code;
}
"""


def build(folder: Path, name: str, source: str, compiler: str) -> Path:
    """A program on the public headers and the shared libferry."""
    program = folder / name.partition(".")[0]
    (folder / name).write_text(source)
    libraries = BUILD / "lib"
    command = [
        compiler,
        folder / name,
        "-o",
        program,
        "-I",
        ROOT / "cpp" / "include",
        "-L",
        libraries,
        "-lferry",
        f"-Wl,-rpath,{libraries}",
    ]
    subprocess.run([*command, *(["-std=c++20"] if compiler == "g++" else [])], check=True, timeout=300)
    return program


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not here")
    return build(tmp_path_factory.mktemp("host"), "host.cpp", HOST, "g++")


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine that has de_DE.UTF-8: where this one lacks it, made by localedef."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/charmaps").exists():
        pytest.skip("localedef or the sources of locales are not here; install the package locales")
    done = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (folder / "de_DE.UTF-8" / "LC_NUMERIC").exists(), done.stderr
    return {**os.environ, "LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"}


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", spread(["iris-adaline", "digits-mlp"], 1))
def test_a_comma_for_a_decimal_point_changes_nothing(host: Path, german: dict[str, str], name: str) -> None:
    done = run(host, ROOT / "exported" / name, "torchscript", "comma", env=german)
    assert (done.returncode, done.stdout) == (0, "passed\n")


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
@pytest.mark.parametrize("what", ["comma", "sigchld"])
def test_c_is_compiled_where_the_host_has_its_own_settings(
    host: Path, german: dict[str, str], trained: Trained, tmp_path: Path, what: str
) -> None:
    bundle = Path(shutil.copytree(trained.bundle("digits-mlp"), tmp_path / "bundle"))
    shutil.rmtree(bundle / "native", ignore_errors=True)  # so that it must be compiled
    done = run(host, bundle, "c", what, env=german)
    assert (done.returncode, done.stdout) == (0, "passed\n")


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is here")
def test_a_compiler_that_fails_is_told_where_sigchld_is_ignored(
    host: Path, german: dict[str, str], trained: Trained, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(trained.bundle("digits-mlp"), tmp_path / "bundle"))
    shutil.rmtree(bundle / "native", ignore_errors=True)
    done = run(host, bundle, "c", "sigchld", env={**german, "CC": "/bin/false"})
    assert done.returncode == 5, done.stdout


def test_a_view_whose_size_wraps_around_is_bad_input(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not here")
    program = build(tmp_path, "wraps.c", WRAPS, "gcc")
    done = run(program, ROOT / "exported" / "iris-adaline", "torchscript")
    assert done.returncode == 7, done.stdout
    assert "expected fewer than 2^63" in done.stdout


PROGRAMS = {"ferry-run": [str(FERRY_RUN)], "ferry": ["python", "-m", "torchferry"]}
BUNDLE = ROOT / "exported" / "iris-adaline"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("closed", "code"), [("<&-", 0), ("2>&-", 0), (">&-", 6), ("<&- >&- 2>&-", 6)])
def test_closed_descriptors_are_no_places_to_read_or_write(program: str, closed: str, code: int) -> None:
    words = " ".join(f"'{word}'" for word in PROGRAMS[program])
    done = subprocess.run(["bash", "-c", f"{words} inspect '{BUNDLE}' {closed}"], capture_output=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_closed_stdin_cannot_be_read(program: str) -> None:
    engine = "torchscript" if program == "ferry-run" else "onnxruntime"
    words = " ".join(f"'{word}'" for word in [*PROGRAMS[program], "predict", BUNDLE, "--engine", engine, "--input", "-"])
    done = subprocess.run(["bash", "-c", f"{words} <&-"], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (6, ""), done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_error_is_not_written_into_a_file_that_took_the_place_of_stderr(program: str, tmp_path: Path) -> None:
    """Without a stderr, the first file that is opened would be descriptor 2."""
    data, output = BUNDLE / "golden" / "batch-64.input.measurements.npy", tmp_path / "out.jsonl"
    engine = "torchscript" if program == "ferry-run" else "onnxruntime"
    words = " ".join(
        f"'{word}'" for word in [*PROGRAMS[program], "predict", BUNDLE, "--engine", engine, "--input", data, "--output", output]
    )
    done = subprocess.run(["bash", "-c", f"{words} <&- 2>&-"], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0
    assert len(output.read_text().splitlines()) == 64
    assert all(line.startswith("{") for line in output.read_text().splitlines())
