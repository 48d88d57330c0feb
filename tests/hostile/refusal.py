"""What a refusal is: an exit code, one line that names what is wrong, nothing printed, nothing written, nothing changed."""

from __future__ import annotations

import os
from pathlib import Path

from builders.programs import Finished, Program


def snapshot(folder: Path) -> dict[str, tuple[int, ...]]:
    """Everything under `folder`: mode, inode, size and time of the last change to the content. Nothing is opened."""
    found: dict[str, tuple[int, ...]] = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            status = os.lstat(f"{root}/{name}")
            found[f"{root}/{name}"] = (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def assert_error(done: Finished, code: int, *named: str) -> None:
    """One line `error: ...` that names each of `named`, no output, that exit code."""
    assert done.code == code, f"exit code {done.code}, expected {code}; stderr: {done.stderr!r}"
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.endswith("\n"), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in done.stderr[:-1]), "control characters reach the terminal"
    assert done.stdout == b""
    for word in named:
        assert word in done.stderr, f"{word!r} is not named in: {done.stderr}"


def assert_refused(
    program: Program, *arguments: object, code: int, named: str | tuple[str, ...] = (), under: Path, **options: object
) -> Finished:
    """Run; the answer must be an error, and nothing under the folder `under` may have changed."""
    before = snapshot(under)
    done = program(*arguments, **options)
    assert_error(done, code, *((named,) if isinstance(named, str) else named))
    assert snapshot(under) == before, "a refused run changed files"
    return done
