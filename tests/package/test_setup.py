"""The set-up: which Python and torch are taken, what is thrown away and made again, what a user is told. Nothing is installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builders.programs import ROOT

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in {"TORCH", "TORCH_INDEX", "PYTHON"}}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the script reads, in a folder whose name has a space and letters that are not ASCII."""
    folder = tmp_path / "my projects" / "törch ferry"
    folder.mkdir(parents=True)
    for name in (".ci", "constraints"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("constraints.txt", "pyproject.toml", "CMakePresets.json"):
        shutil.copy(ROOT / name, folder)
    return folder


def shell(checkout: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `code` with the functions of the script."""
    command = ["bash", "-c", f"source .ci/python-environment; {code}"]
    environment = {**ENVIRONMENT, **variables}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False)


class Index(BaseHTTPRequestHandler):
    """An index of builds that answers after `delay` seconds."""

    delay = 0.0

    def do_HEAD(self) -> None:
        time.sleep(self.delay)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(params=[0.0, 5.0], ids=["answers", "hangs"])
def index(request: pytest.FixtureRequest) -> Iterator[tuple[str, bool]]:
    """An address on this machine, and whether it answers in time."""
    handler = type("Handler", (Index,), {"delay": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", request.param == 0.0
    server.shutdown()


def test_cpu_builds_are_taken_where_no_gpu_is_and_their_index_answers(checkout: Path, index: tuple[str, bool]) -> None:
    address, answers = index
    started = time.monotonic()
    done = shell(checkout, 'has_nvidia_gpu() { false; }; choose_torch python3; echo "${index[@]}"', CPU_BUILDS=address)
    assert time.monotonic() - started < 4
    said, options = done.stdout.splitlines()
    assert options == (f"--extra-index-url {address}" if answers else "")
    assert "MB" in said if answers else "did not answer within 2 seconds" in said


def test_pips_build_is_taken_where_a_gpu_is_and_the_users_index_always(checkout: Path) -> None:
    code = 'has_nvidia_gpu() { true; }; choose_torch python3; echo "${index[@]}"'
    said, options = shell(checkout, code).stdout.splitlines()
    assert (options, "about 3 GB" in said) == ("", True)
    assert shell(checkout, code, TORCH_INDEX="https://x/cu130").stdout.splitlines()[1] == "--extra-index-url https://x/cu130"


@pytest.mark.parametrize("line", sorted(path.stem.removeprefix("torch-") for path in (ROOT / "constraints").iterdir()))
def test_a_line_of_torch_stands_in_for_its_rows(line: str, checkout: Path) -> None:
    rows = [row for row in shell(checkout, "versions", TORCH=line).stdout.splitlines() if not row.startswith("#")]
    names = [row.partition("==")[0] for row in rows if ";" not in row]
    assert len(names) == len(set(names))
    assert next(row for row in rows if row.startswith("torch==")).startswith(f"torch=={line}.")


def test_an_unknown_line_of_torch_and_an_old_python_are_refused_in_one_line(checkout: Path) -> None:
    done = shell(checkout, "set_up", TORCH="1.13")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "TORCH: got 1.13, expected one of: 2.11" in done.stderr
    assert shell(checkout, "versions", TORCH="2.13").stdout == (ROOT / "constraints.txt").read_text()  # the line of that file
    done = shell(checkout, "find_python", PYTHON="/bin/false")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "expected Python 3.10 to 3.13" in done.stderr


def test_an_interpreter_may_stand_in_a_folder_with_a_space(checkout: Path) -> None:
    place = checkout / "my python"
    place.symlink_to(sys.executable)
    assert shell(checkout, "find_python", PYTHON=str(place)).stdout == f"{place}\n"


def environment_of(checkout: Path, place: str, torch_index: str = "") -> Path:
    """A .venv whose set-up has come to its end, made of nothing."""
    binary = checkout / ".venv" / "bin"
    binary.mkdir(parents=True)
    (binary / "python").write_text("#!/bin/sh\nexit 0\n")
    (binary / "python").chmod(0o755)
    (checkout / ".venv" / ".ready").write_text(f"{place}\n123\n{torch_index}\n")
    return checkout / ".venv"


MAKE = "find_python() { echo true; }; need_venv() { :; }; true() { mkdir -p .venv/bin; }; make_environment; ls -A .venv"


def test_an_environment_of_this_folder_is_kept(checkout: Path) -> None:
    environment_of(checkout, f"{checkout}/.venv")
    assert "made again" not in shell(checkout, MAKE).stdout


@pytest.mark.parametrize("why", ["moved", "interrupted", "other index", "broken"])
def test_an_environment_that_cannot_be_right_is_made_again(why: str, checkout: Path) -> None:
    venv = environment_of(checkout, "/elsewhere/.venv" if why == "moved" else f"{checkout}/.venv")
    if why == "interrupted":
        (venv / ".installing").touch()
    if why == "broken":
        (venv / "bin" / "python").write_text("#!/nowhere\n")
    done = shell(checkout, MAKE, TORCH_INDEX="https://x/cpu" if why == "other index" else "")
    assert "made again" in done.stdout, done.stderr


def test_the_makefile_works_in_a_folder_with_spaces(checkout: Path) -> None:
    shutil.copy(ROOT / "Makefile", checkout)
    done = subprocess.run(["make", "-n", "demo"], cwd=checkout, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f'PATH="{checkout}/.venv/bin:' in done.stdout


def test_a_configuration_of_another_folder_is_thrown_away(checkout: Path) -> None:
    (checkout / "build").mkdir()
    (checkout / "build" / "CMakeCache.txt").write_text("CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\n")
    (checkout / "build" / "build.ninja").touch()
    environment_of(checkout, f"{checkout}/.venv")
    done = subprocess.run(
        [".ci/configure"], cwd=checkout, env={**ENVIRONMENT, "CMAKE": "true"}, capture_output=True, text=True, check=False
    )
    assert "build: of another folder: made again" in done.stdout
    assert not (checkout / "build").exists()
