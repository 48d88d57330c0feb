"""Starting Ray on this machine, or joining a cluster, without waiting for ever for a part of it that has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torchferry.errors import ExitCode, FerryError

_EVERY_S = 1.0
_SAID = (
    "error: Ray: got a raylet that ended while it started, expected it to stay; a busy machine starts its parts too late for it: "
    "try again when it is less busy"
)


def start_ray(ray: Any, address: str | None, *, processors: int, store_bytes: int, if_named: str, if_own: str) -> None:
    """Join the cluster at `address`, or start one of this machine with so many processors and so much memory for objects.

    `if_named` and `if_own` say what to do where a cluster at an address, or one of this machine, does not answer.

    Raises FerryError(UNAVAILABLE).
    """
    own = {"include_dashboard": False, "num_cpus": processors, "object_store_memory": store_bytes}
    try:
        with watched_start():
            ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **({} if address else own))
    except Exception as error:  # a cluster that is slow to start raises just that
        words = " ".join(str(error).split())[:200]
        problem = (
            f"--ray-address: got {address}, expected a Ray cluster that answers ({words}); {if_named}"
            if address
            else f"Ray: got no cluster on this machine, expected one to start ({words}); {if_own}"
        )
        raise FerryError(ExitCode.UNAVAILABLE, problem) from None


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
