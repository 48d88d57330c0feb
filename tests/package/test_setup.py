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
from importlib.metadata import version
from pathlib import Path

import pytest

from builders.checkouts import ENVIRONMENT, checkout_in, environment_of, script, shell
from builders.programs import ROOT

TORCH = next(
    row.removeprefix("torch==") for row in (ROOT / "constraints.txt").read_text().splitlines() if row.startswith("torch==")
)
LINE = TORCH.rpartition(".")[0]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the script reads, in a folder whose name has a space and letters that are not ASCII."""
    return checkout_in(tmp_path / "my projects" / "törch ferry")


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
    done = shell(
        checkout,
        'has_nvidia_gpu() { false; }; installed_torch() { :; }; choose_torch python3; echo "${index[@]}"',
        CPU_BUILDS=address,
    )
    assert time.monotonic() - started < 4
    said, options = done.stdout.splitlines()
    assert options == (f"--extra-index-url {address}" if answers else "")
    assert "MB" in said if answers else "did not answer within 2 seconds" in said


def test_pips_build_is_taken_where_a_gpu_is_and_the_users_index_always(checkout: Path) -> None:
    code = 'has_nvidia_gpu() { true; }; installed_torch() { :; }; choose_torch python3; echo "${index[@]}"'
    said, options = shell(checkout, code).stdout.splitlines()
    assert (options, "about 3 GB" in said) == ("", True)
    assert shell(checkout, code, TORCH_INDEX="https://x/cu130").stdout.splitlines()[1] == "--extra-index-url https://x/cu130"


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        (f"{TORCH}+cpu", f"torch: {TORCH}+cpu is installed in .venv, and is kept"),
        (TORCH, f"torch: {TORCH} is installed in .venv, and is kept"),
        ("2.12.1", f"torch: 2.12.1 is installed in .venv, and gives way to {TORCH}: the build of https://x (TORCH_INDEX)"),
        ("", "torch: the build of https://x (TORCH_INDEX)"),
    ],
)
def test_a_torch_that_is_installed_is_named_and_not_the_one_that_would_be_taken(
    checkout: Path, installed: str, said: str
) -> None:
    code = f"installed_torch() {{ echo {installed}; }}; choose_torch python3"
    assert shell(checkout, code, TORCH_INDEX="https://x").stdout == f"{said}\n"
    assert shell(checkout, f"installed_torch '{sys.executable}'").stdout.strip() == version("torch")


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


def refusal(checkout: Path, *command: str, **variables: str) -> str:
    """What a command says that must end with an error, in one line."""
    done = subprocess.run(
        command, cwd=checkout, env={**ENVIRONMENT, **variables}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert said.count("\n") == 1, said
    return said


def full(checkout: Path) -> str:
    """A folder without room: as `df` tells it, since a small file system can be made by root only."""
    script(checkout / "bin" / "df", "echo; echo /dev/x 1000 999 1 100% /")
    return str(checkout)


def test_temporary_files_that_cannot_be_written_are_told_before_anything_is_made(checkout: Path) -> None:
    command = (".ci/python-environment",)
    assert "TMPDIR: got /nowhere: no such folder" in refusal(checkout, *command, TMPDIR="/nowhere")
    if os.geteuid() != 0:
        checkout.chmod(0o500)
        assert "nothing can be written there" in refusal(checkout, *command, TMPDIR=str(checkout))
        checkout.chmod(0o700)
    said = refusal(checkout, *command, TMPDIR=full(checkout), PATH=f"{checkout}/bin:{ENVIRONMENT['PATH']}")
    assert "0 MB are free there, expected at least" in said
    assert "make TMPDIR=" in said
    assert not (checkout / ".venv").exists()
    assert not list(checkout.glob(".ferry-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_full_file_system_for_temporary_files_is_one_line(checkout: Path) -> None:
    small = checkout / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=16k none '{small}' && head -c 16k /dev/zero >'{small}/full'"
    if subprocess.run(["unshare", "--mount", "bash", "-c", mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("this root may not mount")
    said = refusal(checkout, "unshare", "--mount", "bash", "-c", f"{mount}; TMPDIR='{small}' .ci/python-environment")
    assert f"TMPDIR: got {small}: nothing can be written there; make room, or name another folder" in said


def test_executorch_is_left_out_where_there_is_none_and_not_for_want_of_room(checkout: Path) -> None:
    code = "mkdir .venv; pip_install() { echo '%s' >$ERRORS; return 1; }; install_executorch"
    done = shell(checkout, code % "ERROR: No matching distribution found for executorch")
    assert (done.returncode, done.stdout) == (0, "no ExecuTorch here: the engine executorch is left out\n")
    done = shell(checkout, code.replace("mkdir .venv; ", "") % "ERROR: [Errno 28] No space left on device")
    assert done.returncode == 1
    assert "could not install ExecuTorch" in done.stderr


@pytest.mark.parametrize(("line", "wanted"), [("2.11", False), ("2.12", False), ("2.13", True), ("2.14", True)])
def test_executorch_is_left_out_beside_a_torch_that_it_fails_with(line: str, wanted: bool, checkout: Path) -> None:
    done = shell(checkout, "pip_install() { echo installed; }; install_executorch", TORCH=line)
    said = "installed" if wanted else "ExecuTorch needs torch 2.13: the engine executorch is left out"
    assert (done.returncode, done.stdout) == (0, f"{said}\n")


def test_what_pip_says_of_errors_is_shown_and_kept(checkout: Path) -> None:
    script(checkout / ".venv" / "bin" / "python", "echo collecting; echo 'ERROR: no room' >&2; exit 7")
    done = shell(checkout, "index=(); pip_install -e . || echo it ended with $?; cat $ERRORS")
    assert done.stdout.splitlines() == ["collecting", "it ended with 7", "ERROR: no room"]
    assert done.stderr == "ERROR: no room\n"


TOOLS = ("bash", "sh", "env", "python3", "make", "cat", "dirname", "grep", "id", "sed")


def path_of_links(checkout: Path, *names: str) -> str:
    """A PATH with these programs of this machine and no others."""
    folder = checkout / "tools"
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name) or f"/no/{name}")
    return str(folder)


def test_without_a_compiler_a_line_says_what_to_type_before_anything_is_made(checkout: Path) -> None:
    path = path_of_links(checkout, *TOOLS)
    done = subprocess.run(["make", "demo"], cwd=checkout, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said, of_make = done.stderr.splitlines()
    assert said == "error: c++: expected a C++20 compiler, got none; type: sudo apt-get install g++"
    assert of_make.startswith("make: ***")
    assert done.stdout == ""
    assert not (checkout / ".venv").exists()


def test_a_compiler_that_is_named_and_not_there_is_told(checkout: Path) -> None:
    assert "error: clang++-99: expected a C++20 compiler" in refusal(checkout, ".ci/compiler", CXX="clang++-99")


def test_the_build_is_configured_without_git(tmp_path: Path) -> None:
    called = tmp_path / "called"
    script(tmp_path / "bin" / "git", f"echo git $* >>{called}; exit 1")
    command = ["cmake", "-G", "Ninja", "-S", ROOT, "-B", tmp_path / "build", "-DFERRY_BUILD_TESTS=OFF"]
    environment = {**ENVIRONMENT, "PATH": f"{tmp_path / 'bin'}:{ENVIRONMENT['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not called.exists()


def matrix(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `tests/fresh/matrix` with what ends at once."""
    command = [ROOT / "tests" / "fresh" / "matrix", *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)


def test_the_matrix_has_every_line_of_torch_every_python_both_cmakes_and_both_compilers() -> None:
    rows = [
        line.split() for line in (ROOT / "tests" / "fresh" / "matrix.txt").read_text().splitlines() if not line.startswith("#")
    ]
    torch, python, cmake, compiler = (set(column) for column in zip(*rows, strict=True))
    lines = {path.stem.removeprefix("torch-") for path in (ROOT / "constraints").iterdir()}
    assert torch == lines | {LINE}
    assert python == {"3.10", "3.11", "3.12", "3.13"}
    assert (cmake, compiler) == ({"wheel", "system"}, {"g++", "clang++"})
    listed = matrix("--list").stdout.splitlines()
    assert [line.partition(":")[0].split() for line in listed] == rows


def test_a_row_of_the_matrix_can_be_named_and_says_what_is_not_here() -> None:
    assert "| 2.13 | 3.11 | wheel | no-compiler | not here: no-compiler | | |" in matrix("2.13,3.11,wheel,no-compiler").stdout
    done = matrix("2.13 3.11")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "expected four words" in done.stderr
