"""The C++ program, called by verbs that compare both languages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from torchferry.bundle.trust import VARIABLE
from torchferry.errors import ExitCode, FerryError

BUILT = Path("build/bin/ferry-run")


def find_ferry_run(chosen: Path | None) -> Path | None:
    """Return the C++ program; None where there is none. Raises FerryError(UNAVAILABLE) where the chosen one is not there."""
    if chosen is not None:
        if not chosen.is_file():
            raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {chosen}, expected the C++ program; run `make build`")
        return chosen.resolve()
    found = shutil.which("ferry-run")
    return BUILT.resolve() if BUILT.is_file() else Path(found) if found else None


def become_ferry_run(chosen: Path | None, option: str, arguments: Iterable[object]) -> NoReturn:
    """Replace this process by ferry-run, which does what `option` asks for.

    Raises FerryError(UNAVAILABLE) where there is no such program, IO where it does not start.
    """
    program = find_ferry_run(chosen)
    if program is None:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"{option}: got no C++ program at {BUILT} and none on PATH, expected ferry-run; run `make build` or give --ferry-run",
        )
    sys.stdout.flush()
    try:
        os.execv(program, [str(program), *map(str, arguments)])
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{option}: {program}: got {error.strerror}, expected a program; run `make build`"
        ) from None


def call_ferry_run(program: Path, *arguments: object, allowed: tuple[int, ...] = (ExitCode.OK,)) -> str:
    """Run it to its end; returns what it printed.

    Raises FerryError(UNAVAILABLE) where it is not there, and with its own exit code and line where that is not one of `allowed`,
    or where it failed and printed nothing.
    """
    if not program.is_file():
        raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {program}, expected the C++ program; run `make build`")
    # --trust carries what FERRY_TRUST asked for; a probe, which this process has written, is nobody's to sign.
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False, env=environment)
    if done.returncode in allowed and (done.stdout or done.returncode == ExitCode.OK):
        return done.stdout
    code = ExitCode(done.returncode) if done.returncode in list(ExitCode) else ExitCode.INTERNAL
    last = done.stderr.splitlines()[-1:]  # before it there may be notes
    line = " ".join("".join(last).removeprefix("error: ").split())
    raise FerryError(code, f"{program.name} {arguments[0]}: {line or f'ended with code {done.returncode}'}")
