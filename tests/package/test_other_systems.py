"""ferry-run for other systems, each built whole by its preset: the same words, verdicts and bits as this machine's.

FERRY_CROSS_BUILDS names a folder whose folders `aarch64`, `musl`, `windows` and `macos` are those builds, to be brought up to
date; without it they are made anew, which takes some minutes each.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from builders.other_systems import AARCH64, MACOS, MUSL, WINDOWS, System, build
from builders.programs import Finished, Program, run_here
from builders.trained import Trained
from torchferry.errors import ExitCode
from torchferry.fleet.entry import Belief
from torchferry.fleet.store import load_fleet
from torchferry.fleet.summary import reached

pytestmark = pytest.mark.slow
NAMES = ("iris-adaline", "digits-mlp")
INPUTS = {"iris-adaline": "measurements", "digits-mlp": "image"}
RUNNABLE = (AARCH64, MUSL, WINDOWS)


@pytest.fixture(scope="session")
def bundles(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both bundles with C and without an object that this machine could load."""
    folder = tmp_path_factory.mktemp("bundles")
    for name in NAMES:
        shutil.copytree(trained.bundle_for(name, "c"), folder / name, ignore=shutil.ignore_patterns("native"))
    return folder


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(os.environ.get("FERRY_CROSS_BUILDS", "") or tmp_path_factory.mktemp("cross"))


def program_of(system: System, builds: Path, bundles: Path) -> Path:
    """The system's ferry-run; the test is skipped where its tools are not here."""
    if system.missing:
        pytest.skip(f"{', '.join(system.missing)} not installed; run `make setup-cross`")
    return build_once(system.preset, builds, bundles)


@cache
def build_once(preset: str, builds: Path, bundles: Path) -> Path:
    (system,) = (system for system in (*RUNNABLE, MACOS) if system.preset == preset)
    return build(system, builds / preset, [bundles / name for name in NAMES])


@pytest.fixture(scope="module", params=RUNNABLE, ids=lambda system: system.preset)
def there(request: pytest.FixtureRequest, builds: Path, bundles: Path) -> Program:
    """Each system's program, run in the folder of the bundles."""
    program = program_of(request.param, builds, bundles)
    return lambda *words, cwd=bundles: request.param.run(program, *words, cwd=cwd)


def golden(name: str) -> str:
    return f"{name}/golden/batch-64.input.{INPUTS[name]}.npy"


def failed(done: Finished, code: ExitCode) -> str:
    """The one line of a failure."""
    assert done.code == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_inspect_says_the_same(name: str, there: Program, ferry_run: Program, bundles: Path) -> None:
    done, here = there("inspect", name), ferry_run("inspect", name, cwd=bundles)
    assert (done.code, done.stdout) == (here.code, here.stdout) == (ExitCode.OK, here.stdout), done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_verify_gives_the_same_verdicts(name: str, there: Program, ferry_run: Program, bundles: Path) -> None:
    words = ("verify", name, "--engine", "c", "--allow-native", "--json")
    done, here = there(*words), ferry_run(*words, cwd=bundles)
    assert done.code == here.code == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["engines"] == json.loads(here.stdout)["engines"]  # each largest difference to its last digit


@pytest.mark.parametrize("name", NAMES)
def test_predict_gives_the_same_bits(name: str, there: Program, ferry_run: Program, bundles: Path) -> None:
    words = ("predict", name, "--engine", "c", "--allow-native", "--input", golden(name), "--output", "-", "--format", "npz")
    done, here = there(*words), ferry_run(*words, cwd=bundles)
    assert done.code == here.code == ExitCode.OK, done.stderr
    assert len(here.stdout) > 64 * 4
    assert done.stdout == here.stdout


def test_a_flipped_bit_and_a_file_cut_are_refused(there: Program, bundles: Path, tmp_path: Path) -> None:
    for name, broken in (
        ("flipped", lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:]),
        ("cut", lambda data: data[:-1]),
    ):
        model = shutil.copytree(bundles / "iris-adaline", tmp_path / name) / "model.c"
        model.write_bytes(broken(model.read_bytes()))
        words = ("verify", name, "--engine", "c", "--allow-native")
        assert "model.c: " in failed(there(*words, cwd=tmp_path), ExitCode.INTEGRITY)


def test_exit_codes_are_the_same(there: Program, bundles: Path, tmp_path: Path) -> None:
    failed(there("inspect", "nowhere"), ExitCode.IO)
    assert there("inspect").code == ExitCode.USAGE
    assert "engine 'torchscript'" in failed(there("verify", "iris-adaline", "--engine", "torchscript"), ExitCode.UNAVAILABLE)
    (tmp_path / "bad.csv").write_text("1,2,3\n")
    words = ("predict", bundles / "iris-adaline", "--engine", "c", "--allow-native", "--input", "bad.csv")
    assert there(*words, cwd=tmp_path).code == ExitCode.BAD_INPUT


def test_names_beyond_ascii_and_lines_that_end_in_two_characters(
    there: Program, ferry_run: Program, bundles: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "größe 寸法"
    shutil.copytree(bundles / "iris-adaline", folder / "модель")
    (folder / "rows.csv").write_bytes(b"5.1,1.8\r\n4.0,1.3\r\n")
    words = ("predict", "модель", "--engine", "c", "--allow-native", "--input", "rows.csv", "--output", "ответы.csv")
    answers = []
    for program in (there, ferry_run):
        done = program(*words, cwd=folder)
        assert done.code == ExitCode.OK, done.stderr
        answers.append((folder / "ответы.csv").read_bytes())
        (folder / "ответы.csv").unlink()
    assert answers[0] == answers[1]
    assert answers[0].count(b"\n") == 3


def test_the_musl_program_needs_nothing_of_a_system(builds: Path, bundles: Path, tmp_path: Path) -> None:
    program = program_of(MUSL, builds, bundles)
    ldd = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    assert "not a dynamic executable" in ldd.stdout + ldd.stderr
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    shutil.copy(program, tmp_path / "ferry-run")
    shutil.copytree(bundles / "digits-mlp", tmp_path / "digits-mlp")
    words = ("/ferry-run", "verify", "/digits-mlp", "--engine", "c", "--allow-native")
    done = subprocess.run(["chroot", tmp_path, *words], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "PASSED c" in done.stdout


def test_the_macos_program_is_linked(builds: Path, bundles: Path) -> None:
    """It cannot run here: its header and the symbols of both models are what can be seen."""
    program = program_of(MACOS, builds, bundles)
    magic, arm64, executable = (int.from_bytes(program.read_bytes()[at : at + 4], "little") for at in (0, 4, 12))
    assert (magic, arm64, executable) == (0xFEEDFACF, 0x0100000C, 2)  # mach-o/loader.h, mach/machine.h


@pytest.mark.parametrize("name", NAMES)
def test_its_report_joins_a_fleet_as_far_from_the_golden_as_this_machine_s(
    name: str, there: Program, ferry_run: Program, bundles: Path, tmp_path: Path
) -> None:
    """One machine of each system and this one: one verdict, and the same figures to the last digit."""
    words = ("verify", name, "--engine", "c", "--allow-native", "--json")
    for machine, program in (("there", there), ("here", ferry_run)):
        (tmp_path / f"{machine}.json").write_bytes(program(*words, cwd=bundles).stdout)
    store = tmp_path / "store"
    assert run_here("fleet", "add", store, tmp_path / "there.json", tmp_path / "here.json").code == ExitCode.OK
    done = run_here("fleet", "gate", store, "--allow", "bound", "--require", "c")
    assert (done.code, done.stdout) == (ExitCode.OK, b"MAY ROLL OUT: 2 machines, 0 problems, allowed: bound\n")
    machines = load_fleet(store, Belief(datetime.datetime.now(datetime.timezone.utc))).latest
    there_reached, here_reached = (reached([machine])["c on cpu"] for machine in reversed(machines))
    assert there_reached == here_reached
    assert run_here("fleet", "report", store, "-o", tmp_path / "fleet.html").code == ExitCode.OK
    assert json.loads((tmp_path / "there.json").read_text())["machine"]["architecture"] in (tmp_path / "fleet.html").read_text()
