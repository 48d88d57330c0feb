"""The C++ program, called by verbs that compare both languages."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from torchferry.errors import ExitCode, FerryError


def permissions(allow_native: bool, allow_ops: Sequence[str]) -> list[str]:
    """Return the options that give ferry-run the same permissions."""
    return [*(["--allow-native"] if allow_native else []), *(text for name in allow_ops for text in ("--allow-op", name))]


def call_ferry_run(program: Path, *arguments: object, allowed: tuple[int, ...] = (ExitCode.OK,)) -> str:
    """Run it to its end; returns what it printed.

    Raises FerryError(UNAVAILABLE) where it is not there, and with its own exit code and line where that is not one of `allowed`.
    """
    if not program.is_file():
        raise FerryError(ExitCode.UNAVAILABLE, f"--ferry-run: got {program}, expected the C++ program; run `make build`")
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode in allowed:
        return done.stdout
    code = ExitCode(done.returncode) if done.returncode in list(ExitCode) else ExitCode.INTERNAL
    line = " ".join(done.stderr.removeprefix("error: ").split())
    raise FerryError(code, f"{program.name} {arguments[0]}: {line or f'ended with code {done.returncode}'}")
