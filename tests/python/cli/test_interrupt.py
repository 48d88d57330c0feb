"""Ctrl-C ends `ferry` without a traceback, whatever it is doing: also while its modules are imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WAIT_S = 60


def _heed_interrupts() -> None:
    """A shell starts what it puts into the background with Ctrl-C ignored; these tests may be there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ended_while_importing(folder: Path, start: str) -> tuple[int, str]:
    """Start `ferry` with a library that waits while it is imported, interrupt it there, and return its exit code and stderr."""
    told, tell = os.pipe()
    # What every verb imports; it says that it has begun, and stays.
    (folder / "typer.py").write_text(f"import os, time\nos.write({tell}, b'x')\ntime.sleep({WAIT_S})\n")
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {start}"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, pass_fds=[tell], preexec_fn=_heed_interrupts
    )
    os.close(tell)
    assert os.read(told, 1) == b"x"
    os.close(told)
    time.sleep(0.05)  # until it sleeps
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WAIT_S)
    return process.returncode, err


def test_an_interrupt_while_modules_are_imported_is_no_traceback(tmp_path: Path) -> None:
    assert ended_while_importing(tmp_path, "from torchferry.programs import ferry; ferry()") == (130, "")


def test_without_the_script_the_same_interrupt_is_a_traceback(tmp_path: Path) -> None:
    """The test above can fail."""
    code, err = ended_while_importing(tmp_path, "from torchferry.cli.main import main; main()")
    assert (code in (1, 130, -signal.SIGINT), "Traceback" in err) == (True, True)


@pytest.mark.parametrize("module", ["torchferry", "torchferry.cli.main"])
def test_an_interrupt_that_is_ignored_stays_so(module: str) -> None:
    command = ["-c", f"trap '' INT; echo; exec {sys.executable} -m {module} predict nowhere --input -"]
    process = subprocess.Popen(["sh", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "\n"
    for _ in range(40):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err.count("\n")) == (6, 1), err
