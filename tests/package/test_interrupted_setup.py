"""Ctrl-C while `make` works, and two of them at once. pip is the real one, and its index on this machine never answers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builders.checkouts import ENVIRONMENT, checkout_in, press_ctrl_c, ready_checkout, script


class Silence(BaseHTTPRequestHandler):
    """An index that takes every question and answers none while a test lasts."""

    def do_GET(self) -> None:
        time.sleep(60)

    def do_HEAD(self) -> None:
        time.sleep(60)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def silent_index() -> Iterator[str]:
    """The address of an index on this machine that does not answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Silence)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def is_clean(said: str) -> bool:
    """True if nothing was said after Ctrl-C but, at most, one line; what pip draws on its line of progress is none."""
    lines = [line for line in said.splitlines() if line.strip()]
    return len(lines) <= 1 and not any(word in said for word in ("Traceback", "rror", "***"))


@pytest.mark.slow
def test_ctrl_c_in_pip_says_nothing_more_and_the_next_make_begins_again(tmp_path: Path, silent_index: str) -> None:
    checkout = checkout_in(tmp_path / "törch ferry")
    silence = {
        "CPU_BUILDS": silent_index,
        "PIP_INDEX_URL": f"{silent_index}/simple",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_FIND_LINKS": "",
    }
    for before in ("", "made again"):
        said, then, ended = press_ctrl_c(
            ["make", "setup", f"PYTHON={sys.executable}"],
            "Installing build dependencies",
            cwd=checkout,
            env={**ENVIRONMENT, **silence},
        )
        assert before in said
        assert is_clean(then.rpartition("Installing build dependencies")[2]), then
        assert ended == -2  # as `make` ends by itself at Ctrl-C
        assert not (checkout / ".venv" / ".ready").exists()


def test_ctrl_c_in_venv_says_nothing_more(tmp_path: Path) -> None:
    checkout = checkout_in(tmp_path / "törch ferry")
    (checkout / "slow.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    _, then, ended = press_ctrl_c(
        [sys.executable, ".ci/run_module.py", "slow"], "begun", cwd=checkout, env={**ENVIRONMENT, "PYTHONPATH": str(checkout)}
    )
    assert (then.strip(), ended) == ("", -2)


def test_ctrl_c_in_apt_get_is_not_taken_for_packages_that_cannot_be_had(tmp_path: Path) -> None:
    environment = ready_checkout(tmp_path / "törch ferry")
    script(tmp_path / "bin" / "dpkg-query", "exit 1")
    script(tmp_path / "bin" / "sudo", 'shift; exec "$@"')  # behind -n
    script(tmp_path / "bin" / "apt-get", "trap 'exit 100' INT; while :; do sleep 0.1; done")
    _, then, ended = press_ctrl_c(
        [".ci/system-packages", "w", "x"], "installing x", cwd=tmp_path / "törch ferry", env=environment
    )
    assert (then.strip(), ended) == ("", -2)
    assert not (tmp_path / "törch ferry" / ".venv" / ".packages-not-installed").exists()


@pytest.mark.slow
def test_ctrl_c_in_cmake_says_nothing_more_and_it_is_configured_again(tmp_path: Path) -> None:
    environment = ready_checkout(tmp_path / "törch ferry")
    cmake = script(tmp_path / "cmake", "echo configuring; sleep 60")
    for _ in range(2):
        _, then, ended = press_ctrl_c(
            ["make", "configure", f"CMAKE={cmake}"], "configuring", cwd=tmp_path / "törch ferry", env=environment
        )
        assert (then.strip(), ended) == ("", -2)


@pytest.mark.slow
def test_ctrl_c_in_the_compiler_says_one_line_and_the_build_goes_on(tmp_path: Path) -> None:
    environment = ready_checkout(tmp_path / "törch ferry", ninja="sleep 60")
    _, then, ended = press_ctrl_c(["make", "programs"], r"\[0/3\]", cwd=tmp_path / "törch ferry", env=environment)
    assert then.splitlines()[-1] == "ninja: build stopped: interrupted by user."
    assert "***" not in then
    assert ended == -2


def test_of_two_makes_at_once_the_second_waits_and_says_so(tmp_path: Path) -> None:
    environment = ready_checkout(tmp_path / "törch ferry", ninja="echo begin >>log && sleep 1 && echo end >>log && touch $out")
    command = ["make", "programs", "JOBS=1"]
    both = [
        subprocess.Popen(
            command, cwd=tmp_path / "törch ferry", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert (tmp_path / "törch ferry" / "build" / "log").read_text().split() == [
        "begin",
        "end",
    ] * 3  # each target once, one at a time
    assert sum("another make works in this folder: waiting until it has ended\n" in text for text in said) >= 1


def test_ctrl_c_ends_a_make_that_waits(tmp_path: Path) -> None:
    checkout = checkout_in(tmp_path / "törch ferry")
    holder = subprocess.Popen([".ci/alone", "sleep", "60"], cwd=checkout)
    time.sleep(0.5)
    _, then, ended = press_ctrl_c([".ci/alone", "true"], "waiting", cwd=checkout, env=ENVIRONMENT)
    holder.kill()
    assert (then.replace("until it has ended", "").strip(), ended) == ("", -2)


def test_a_make_without_words_keeps_the_exit_code_of_its_step(tmp_path: Path) -> None:
    checkout = checkout_in(tmp_path / "törch ferry")
    done = subprocess.run([".ci/alone", "sh", "-c", "exit 3"], cwd=checkout, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
