"""`ferry key` where the disk is full: nothing is left that stands in the way of the next try."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from builders.programs import run_here


@pytest.mark.parametrize("full_at", [1, 2])
def test_a_full_disk_leaves_no_half_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: int) -> None:
    calls: list[int] = []
    honest = os.fsync

    def fill(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        honest(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        done = run_here("key", tmp_path / "pair", "--no-password")
    assert done.code == 6
    assert (
        done.stderr
        == f"error: {tmp_path}/pair.{'key' if full_at == 1 else 'pub'}: got No space left on device, expected to write it\n"
    )
    assert list(tmp_path.iterdir()) == []
    assert run_here("key", tmp_path / "pair", "--no-password").code == 0
