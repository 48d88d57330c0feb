"""The C++ program, called by verbs that compare both languages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from torchferry.bundle.trust import VARIABLE
from torchferry.errors import ExitCode, FerryError


def call_ferry_run(program: Path, *arguments: object, allowed: tuple[int, ...] = (ExitCode.OK,)) -> str:
    """Run it to its end; returns what it printed.

    Raises FerryError(UNAVAILABLE) where it is not there, and with its own exit code and line where that is not one of `allowed`.
    """
    if not program.is_file():
        raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {program}, expected the C++ program; run `make build`")
    # --trust carries what FERRY_TRUST asked for; a probe, which this process has written, is nobody's to sign.
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False, env=environment)
    if done.returncode in allowed:
        return done.stdout
    code = ExitCode(done.returncode) if done.returncode in list(ExitCode) else ExitCode.INTERNAL
    line = " ".join(done.stderr.removeprefix("error: ").split())
    raise FerryError(code, f"{program.name} {arguments[0]}: {line or f'ended with code {done.returncode}'}")
