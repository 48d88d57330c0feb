"""What several tests of the packages ask for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from builders.programs import ROOT
from builders.wheels import run


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the sources; twine has checked both."""
    if "FERRY_DIST" in os.environ:
        return Path(os.environ["FERRY_DIST"])
    folder = tmp_path_factory.mktemp("dist")
    printed = run(ROOT / ".ci" / "wheel", sys.executable, folder)
    assert printed.count("PASSED") == 2, printed
    return folder
