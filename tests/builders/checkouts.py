"""A checkout without its sources: what the set-up reads, and environments and builds that are made of nothing."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from builders.programs import ROOT

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in {"TORCH", "TORCH_INDEX", "PYTHON", "MAKEFLAGS", "MAKELEVEL"}
}


def checkout_in(folder: Path) -> Path:
    """Copy what the set-up reads into `folder`."""
    folder.mkdir(parents=True)
    for name in (".ci", "constraints"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("constraints.txt", "pyproject.toml", "CMakePresets.json", "Makefile"):
        shutil.copy(ROOT / name, folder)
    return folder


def shell(checkout: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `code` with the functions of the script that makes .venv."""
    command = ["bash", "-c", f"source .ci/python-environment; {code}"]
    environment = {**ENVIRONMENT, **variables}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False)


def environment_of(checkout: Path, place: str, torch_index: str = "") -> Path:
    """Make a .venv whose set-up has come to its end, of nothing."""
    script(checkout / ".venv" / "bin" / "python", "exit 0")
    (checkout / ".venv" / ".ready").write_text(f"{place}\n123\n{torch_index}\n")
    return checkout / ".venv"


def script(path: Path, code: str) -> Path:
    """Write a program of the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return path


def ready_checkout(folder: Path, ninja: str = "") -> dict[str, str]:
    """Make a checkout that is set up, whose build runs the commands `ninja`; return the environment for `make` in it."""
    checkout = checkout_in(folder)
    environment_of(checkout, "")
    shell(checkout, "recipe >.venv/.ready")
    (checkout / ".venv" / "bin" / "ninja").symlink_to(Path(sys.executable).parent / "ninja")
    (checkout / "build").mkdir()
    rule = f"rule run\n  command = {ninja}\n"
    targets = "".join(f"build {name}: run\n" for name in ("ferry", "ferry-run", "ferry_engines"))
    if ninja:
        (checkout / "build" / "build.ninja").write_text(rule + targets)
    script(folder.parent / "bin" / "dpkg-query", "echo install ok installed")
    return {**ENVIRONMENT, "PATH": f"{folder.parent / 'bin'}:{ENVIRONMENT['PATH']}"}


def press_ctrl_c(command: list[str], when: str, *, cwd: Path, env: dict[str, str]) -> tuple[str, str, int]:
    """Run a command on a terminal of its own, and press Ctrl-C when it has said `when`.

    Returns what it said until then and from then on, and how it ended as subprocess has it. The terminal's own "^C" is
    left out: the kernel drops it where the command has ended before it is echoed.
    """
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that runs the tests in the background has it ignored
        os.chdir(cwd)
        os.execvpe(command[0], command, {**env, "TERM": "xterm"})  # on a plain terminal ninja does not say what it begins
    said, pressed = b"", 0
    while data := _read(terminal):
        said += data
        if not pressed and re.search(when.encode(), said):
            os.write(terminal, b"\x03")
            pressed = len(said)
    os.close(terminal)
    ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert pressed, f"it never said {when!r}: {said.decode()}"
    return said[:pressed].decode(), said[pressed:].decode().replace("^C", "", 1), ended


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the last process has closed its end
        return b""
