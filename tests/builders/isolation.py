"""Whether ferry-run can isolate a model in this build and on this kernel."""

from __future__ import annotations

import ctypes
import dataclasses
import sys

from builders.programs import BUILD, Finished

_CREATE_RULESET, _VERSION = 444, 1
NOTE = "note: the model runs in this process, not in isolation: "


def can_isolate() -> bool:
    """Say whether the program of a cell was built, and the kernel has Landlock."""
    if sys.platform != "linux" or not (BUILD / "lib" / "ferry" / "ferry-cell").exists():
        return False
    return ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION) > 0


def without_note(done: Finished) -> Finished:
    """Leave out what ferry-run says where it cannot isolate: tests of other things expect nothing on stderr."""
    lines = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith(NOTE)]
    return dataclasses.replace(done, stderr="".join(lines))
