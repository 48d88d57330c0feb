"""Environments with packages of their own from the package index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_LIMIT_S = 1800  # a torch of several GB


def make_environment(folder: Path, *packages: str) -> Path:
    """Return the interpreter of an environment with these packages; one that is there whole is taken as it is."""
    python, whole = folder / "bin" / "python", folder / "whole"
    if not whole.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile", *packages]
        done = subprocess.run(install, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        whole.touch()
    return python
