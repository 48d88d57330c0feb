"""Runs a module as `python -m` does, but Ctrl-C ends it without a word.

Usage: python .ci/run_module.py MODULE [ARGUMENT...]
"""

from __future__ import annotations

import os
import runpy
import signal
import sys


def _stop(*_: object) -> None:
    """Let the module clean up; whatever it has to say of the interruption goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    raise KeyboardInterrupt


signal.signal(signal.SIGINT, _stop)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
