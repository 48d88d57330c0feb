"""Starting Ray on this machine without waiting for ever for a part of it that has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torchferry.errors import ExitCode

_EVERY_S = 1.0
_SAID = (
    "error: Ray: got a raylet that ended while it started, expected it to stay; a busy machine starts its parts too late for it: "
    "try again when it is less busy"
)


@contextmanager
def watched_start() -> Iterator[None]:
    """End this process, with one line and exit code 5, where the raylet ends before the block does.

    On a busy machine the raylet gives up its own helpers after 15 seconds and aborts, and `ray.init` then waits for it without a limit
    in code that no exception reaches.
    """
    over = threading.Event()
    threading.Thread(target=_watch, args=(over,), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(over: threading.Event) -> None:
    while not over.wait(_EVERY_S):
        if "Z" in (state for name, state, _ in _children() if name == "raylet"):
            sys.stderr.write(f"{_SAID}\n")
            sys.stderr.flush()
            for _, _, process in _children():
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            os._exit(ExitCode.UNAVAILABLE)


def _children() -> Iterator[tuple[str, str, int]]:
    """Yield name, state and number of each child of this process; none where there is no /proc."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            head, _, rest = (entry / "stat").read_text().rpartition(")")
            state, parent = rest.split()[:2]
            if int(parent) == os.getpid():
                yield head.partition("(")[2], state, int(entry.name)
