"""The wheel and the sources of `make wheel`, in environments with nothing else, and the shell of a user who has nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from builders.programs import ROOT

# A shell of a user who has nothing of ours.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("FERRY_", "PYTHON")) and name not in {"LD_LIBRARY_PATH", "VIRTUAL_ENV"}
}


def run(*command: object, code: int | None = 0, cwd: Path = Path("/"), **variables: str) -> str:
    """Run a command, outside the checkout unless `cwd` says so; what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def installed(folder: Path, *what: object) -> Path:
    """Install into an environment of its own; the folder of its programs."""
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *what)
    return folder / "bin"


def packages(programs: Path) -> Path:
    """The folder of the packages of that environment."""
    return Path(run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").strip())
