"""The C++ program, called by verbs that compare both languages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from torchferry.bundle.trust import VARIABLE
from torchferry.errors import ExitCode, FerryError
from torchferry.installed import own_ferry_run

_NAME = "ferry-run"
MISSING = (
    "got no C++ program beside this package and none in an absolute folder of PATH, expected ferry-run; "
    "run `make build` or give --ferry-run"
)


def find_ferry_run(chosen: Path | None) -> Path | None:
    """Return the C++ program: the chosen one, else the one of this package, else the one on PATH; None where there is none.

    The working folder is no place to look: whoever sends a bundle may have filled it. Raises FerryError(UNAVAILABLE) where the
    chosen one is not there.
    """
    if chosen is not None:
        if not chosen.is_file():
            raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {chosen}, expected the C++ program; run `make build`")
        return chosen.resolve()
    if (own := own_ferry_run()) is not None:
        return own
    for folder in _path_folders():
        if found := shutil.which(_NAME, path=str(folder)):
            return Path(found)
    return None


def _path_folders() -> Iterator[Path]:
    """Yield the absolute folders of PATH: an empty or a relative one means the working folder.

    The script `ferry-run` of this Python is left out: it would look for the same program.
    """
    folders = map(Path, os.environ.get("PATH", "").split(os.pathsep))
    return (folder for folder in folders if folder.is_absolute() and folder != Path(sysconfig.get_path("scripts")))


def require_ferry_run(chosen: Path | None, option: str) -> Path:
    """Return the C++ program, which `option` needs. Raises FerryError(UNAVAILABLE) where there is none."""
    program = find_ferry_run(chosen)
    if program is None:
        raise FerryError(ExitCode.UNAVAILABLE, f"{option}: {MISSING}")
    return program


def become_ferry_run(chosen: Path | None, option: str, arguments: Iterable[object]) -> NoReturn:
    """Replace this process by ferry-run, which does what `option` asks for.

    Raises FerryError(UNAVAILABLE) where there is no such program, IO where it does not start.
    """
    program = require_ferry_run(chosen, option)
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
    or where it failed and printed nothing; IO where it does not start.
    """
    if not program.is_file():
        raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {program}, expected the C++ program; run `make build`")
    # --trust carries what FERRY_TRUST asked for; a probe, which this process has written, is nobody's to sign.
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [str(program), *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{program}: got {error.strerror}, expected a program; run `make build`") from None
    if done.returncode in allowed and (done.stdout or done.returncode == ExitCode.OK):
        return done.stdout
    code = ExitCode(done.returncode) if done.returncode in list(ExitCode) else ExitCode.INTERNAL
    last = done.stderr.splitlines()[-1:]  # before it there may be notes
    line = " ".join("".join(last).removeprefix("error: ").split())
    raise FerryError(code, f"{program.name} {arguments[0]}: {line or f'ended with code {done.returncode}'}")
