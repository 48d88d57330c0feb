"""The end of a model that hangs. A thread of this process could not end it: native code may hold the interpreter for ever.

So the command forks. The child goes on with the command and tells each step of a model, its opening and each call, through a
pipe. The parent waits, ends a child whose step takes too long, and passes the exit code on. This limits time and nothing else:
the child has all rights of the user.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import NoReturn

from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_TIMEOUT_SECONDS

_PR_SET_PDEATHSIG = 1


class Deadline:
    """The child's side: what it is doing, told to the parent."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    @contextlib.contextmanager
    def step(self, engine: str) -> Iterator[None]:
        """Mark the time in which `engine` opens a model or answers one call."""
        os.write(self._pipe, f"{engine}\n".encode())
        try:
            yield
        finally:
            os.write(self._pipe, b"\n")


def require_timeout(seconds: float) -> None:
    """Refuse a number of seconds that is none. Raises FerryError(USAGE)."""
    if not 0 <= seconds <= MAX_TIMEOUT_SECONDS:
        raise FerryError(ExitCode.USAGE, f"--timeout: got {seconds:g}, expected seconds, at most {MAX_TIMEOUT_SECONDS}")


def start_deadline(seconds: float) -> Deadline | None:
    """Return, in a new child process, the deadline of its steps; None where `seconds` is 0, which means no limit.

    The parent never returns. It raises SystemExit with the child's code, or FerryError(UNAVAILABLE) where a step took longer than
    `seconds`, or crashed. Nothing may be buffered by then, and no thread of Python may run.
    """
    require_timeout(seconds)
    if seconds == 0:
        return None
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(writing)
        _wait(child, reading, seconds)
    os.close(reading)
    _end_with(parent)
    return Deadline(writing)


def _end_with(parent: int) -> None:
    """Let the kernel end this process with its parent, where it is Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(ExitCode.UNAVAILABLE)


def _wait(child: int, pipe: int, seconds: float) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it too, and says what it means
    engine = _watch(pipe, seconds)
    if engine is None:
        _finish(child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise FerryError(
        ExitCode.UNAVAILABLE,
        f"engine {engine}: got no answer within the {seconds:g} seconds of --timeout, expected one; give it more",
    )


def _watch(pipe: int, seconds: float) -> str | None:
    """Return the engine whose step takes too long; None where the child has ended."""
    engine, end, text = "", None, b""
    while True:
        ready, _, _ = select.select([pipe], [], [], None if end is None else max(0.0, end - time.monotonic()))
        if not ready:
            return engine
        read = os.read(pipe, select.PIPE_BUF)
        if not read:
            return None
        *lines, text = (text + read).split(b"\n")
        for line in lines:
            engine, end = line.decode(), (time.monotonic() + seconds if line else None)


def _finish(child: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        raise FerryError(
            ExitCode.UNAVAILABLE, f"the model: got a crash ({signal.Signals(-code).name}), expected an answer; use --isolate"
        )
    raise SystemExit(code)
