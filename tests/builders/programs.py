"""Running a program to its end."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("FERRY_BUILD", ROOT / "build"))  # another build, e.g. the one with sanitizers
LIMIT_S = 120


@dataclass(frozen=True)
class Finished:
    """What a program did: exit code and what it printed."""

    code: int
    stdout: bytes
    stderr: str


Program = Callable[..., Finished]


def run_program(command: list[str], *arguments: object, stdin: bytes = b"", cwd: Path | None = None, **options: Any) -> Finished:
    """Run a program to its end; a traceback is never an answer. `options` go to subprocess.run."""
    options = {"input": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    done = subprocess.run([*command, *map(str, arguments)], cwd=cwd, timeout=LIMIT_S, check=False, **options)
    stderr = (done.stderr or b"").decode()
    assert "Traceback" not in stderr, stderr
    assert done.returncode >= 0, f"killed by signal {-done.returncode}: {stderr}"
    return Finished(done.returncode, done.stdout or b"", stderr)


def run_here(*arguments: object, stdin: bytes = b"") -> Finished:
    """Run `ferry` inside this process, with streams of its own."""
    from torchferry.cli.main import run

    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))  # type: ignore[arg-type]
        code = run([str(argument) for argument in arguments])
    out.flush()
    stderr = err.getvalue()
    assert "Traceback" not in stderr, stderr
    return Finished(code, out.buffer.getvalue(), stderr)  # type: ignore[attr-defined]


def assert_answered(done: Finished, *named: str) -> None:
    """`predict` ended with its one line on stderr, which names each of `named`."""
    assert done.code == 0, done.stderr
    assert done.stderr.startswith("predict: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for word in named:
        assert word in done.stderr, done.stderr
