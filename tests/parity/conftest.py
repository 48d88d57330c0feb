"""What the parity tests share: trained models, and which engines there are on which side."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builders.programs import Program
from builders.trained import Trained


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The workers of pytest-xdist share the folder above their own."""
    base = tmp_path_factory.getbasetemp()
    folder: Path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained"
    folder.mkdir(exist_ok=True)
    return Trained(folder)


@pytest.fixture
def programs(ferry_here: Program, ferry_run: Program) -> dict[str, Program]:
    """Both programs by language."""
    return {"python": ferry_here, "c++": ferry_run}
