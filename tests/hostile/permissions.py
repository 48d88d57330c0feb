"""File permissions that bind root too, so that `may not be read` can be tested by whoever runs the tests."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

PR_CAPBSET_DROP = 24  # prctl(2)
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  # capabilities(7)


def obey_permissions() -> None:
    """For `preexec_fn`: the program that is started next has no right to pass over permissions, not even as root."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def require_bound_by_permissions(path: Path) -> None:
    """Skip where a program can read `path`, which nobody may read, all the same."""
    probe = subprocess.run(
        ["ls" if path.is_dir() else "cat", path], capture_output=True, check=False, preexec_fn=obey_permissions
    )
    if probe.returncode == 0:
        pytest.skip("permissions do not bind the user of these tests, who may not give up that right either")
