"""The console scripts of the wheel: where they find its C++ half, and what they say without one."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT, Finished, run_program
from torchferry import installed, programs
from torchferry.errors import ExitCode
from torchferry.proof import ferry_run as finder
from torchferry.version import VERSION


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package as a wheel installs it; its ferry-run says what it was given."""
    folder = tmp_path / "site-packages" / "torchferry"
    for name in ("bin", "include/ferry", "lib/cmake/ferry", "share/ferry/bindings"):
        (folder / name).mkdir(parents=True)
    (folder / "bin" / "ferry-run").write_text("#!/bin/sh\necho C++ $*\n")
    (folder / "bin" / "ferry-run").chmod(0o755)
    for module in (installed, programs):
        monkeypatch.setattr(module, "FOLDER", folder)
    return folder


def script(function: str, *arguments: object, folder: Path | None = None) -> Finished:
    """Run a console script in a process of its own, with the package in `folder`."""
    move = f"from pathlib import Path; installed.FOLDER = programs.FOLDER = Path({str(folder)!r});" if folder else ""
    code = f"from torchferry import installed, programs; {move} programs.{function}()"
    return run_program([sys.executable, "-c", code], *arguments)


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("--cmakedir", "lib/cmake/ferry"),
        ("--includedir", "include"),
        ("--libdir", "lib"),
        ("--bindir", "bin"),
        ("--prefix", ""),
        ("--bindingsdir", "share/ferry/bindings"),
    ],
)
def test_config_prints_folders_of_the_wheel(option: str, place: str, wheel: Path) -> None:
    assert script("config", option, folder=wheel).stdout.decode() == f"{wheel / place}\n"


def test_config_prints_what_a_compiler_needs_in_a_wheel_and_in_a_checkout(wheel: Path) -> None:
    line = "-I{} -L{lib} -Wl,-rpath,{lib} -lferry\n"
    assert script("config", "--flags", folder=wheel).stdout.decode() == line.format(wheel / "include", lib=wheel / "lib")
    of_checkout = line.format(ROOT / "cpp" / "include", lib=ROOT / "build" / "lib")
    assert script("config", "--flags").stdout.decode() == of_checkout


@pytest.mark.parametrize("option", ["--cmakedir", "--prefix"])
def test_config_of_a_checkout_has_no_package_of_cmake_and_says_what_makes_it(option: str) -> None:
    done = script("config", option)
    assert (done.code, done.stdout) == (ExitCode.UNAVAILABLE, b"")
    assert done.stderr.endswith("install a wheel, or `cmake --install build` in a checkout\n")


def test_config_prints_the_version_and_lists_its_options() -> None:
    assert script("config", "--version").stdout.decode() == f"{VERSION}\n"
    assert {"--cmakedir", "--version", "--includedir"} <= set(script("config", "--help").stdout.decode().split())


@pytest.mark.parametrize("arguments", [[], ["--cmake"], ["--cmakedir", "--libdir"]], ids=str)
def test_config_refuses_what_it_does_not_know(arguments: list[str]) -> None:
    done = script("config", *arguments)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (ExitCode.USAGE, b"", 1)


def test_a_package_without_its_half_in_cpp_says_so(tmp_path: Path) -> None:
    for function, arguments in (("config", ["--cmakedir"]), ("ferry_run", ["--version"])):
        done = script(function, *arguments, folder=tmp_path)
        assert (done.code, done.stdout, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, b"", 1)
        assert f"{tmp_path}" in done.stderr


def test_the_script_ferry_run_becomes_the_program_of_the_wheel(wheel: Path) -> None:
    assert script("ferry_run", "verify", "a bundle", folder=wheel).stdout == b"C++ verify a bundle\n"


def test_the_script_ferry_run_of_a_checkout_becomes_the_program_that_it_built() -> None:
    assert installed.own_ferry_run() == ROOT / "build" / "bin" / "ferry-run"
    assert script("ferry_run", "--version").stdout == run_program([str(BUILD / "bin" / "ferry-run")], "--version").stdout


def test_ferry_takes_the_program_of_the_wheel_first(wheel: Path) -> None:
    assert finder.find_ferry_run(None) == wheel / "bin" / "ferry-run"


def test_ferry_never_takes_the_script_of_its_own_python_for_the_program(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel / "bin" / "ferry-run").unlink()
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "ferry-run").write_text("#!/bin/sh\n")
    (scripts / "ferry-run").chmod(0o755)
    monkeypatch.setenv("PATH", str(scripts))
    assert finder.find_ferry_run(None) == scripts / "ferry-run"
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(scripts))
    assert finder.find_ferry_run(None) is None
