"""A folder that the test processes of one run share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest


def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder of the whole run: the workers of pytest-xdist share the one above their own."""
    base = tmp_path_factory.getbasetemp()
    folder: Path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Let one process at a time make what is called `name` in a shared folder."""
    with (folder / f"{name}.lock").open("w") as file:
        flock(file, LOCK_EX)
        yield
