"""The console scripts of the wheel: `ferry`, `ferry-run`, which becomes the C++ program, and `torchferry-config`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

from torchferry.installed import FOLDER, own_ferry_run
from torchferry.version import VERSION

_UNAVAILABLE, _USAGE, _INTERRUPTED = 5, 2, 130  # ExitCode, whose module would double the time until the program starts
_PLACES = {
    "--version": (None, "the version"),
    "--prefix": ("", "the folder of the C++ half, as CMAKE_PREFIX_PATH takes it"),
    "--cmakedir": ("lib/cmake/ferry", "the folder of the CMake package, for -Dferry_DIR="),
    "--includedir": ("include", "the folder of the headers, for -I"),
    "--libdir": ("lib", "the folder of libferry, for -L"),
    "--bindingsdir": ("share/ferry/bindings", "the folder of the sources for Rust, Go, Java and Node"),
    "--bindir": ("bin", "the folder of the program ferry-run, which starts faster than this script"),
}


def ferry() -> None:
    """Run the Python program. Ctrl-C ends it without a traceback also while its modules are imported: longer than many verbs take."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell's background job has it ignored
        signal.signal(signal.SIGINT, _interrupt)
    gc.disable()  # what is imported stays: to look for garbage in it takes longer than many verbs; the verb enables it
    from torchferry.cli.main import main

    main()


def _interrupt(number: int, frame: object) -> NoReturn:
    """End without a word, as the verbs do. An exception would pass through the import of whatever library is at its turn."""
    del number, frame
    os._exit(_INTERRUPTED)


def ferry_run() -> None:
    """Replace this process by the C++ program. Exits with code 5 where it has not been built."""
    program = own_ferry_run()
    if program is None:
        _end(_UNAVAILABLE, f"ferry-run: this torchferry, in {FOLDER}, has no C++ half; run `make build`, or install its wheel")
    os.execv(program, [str(program), *sys.argv[1:]])


def config() -> None:
    """Print where the C++ half of the installed wheel lies. Exits with code 2 for a wrong command line, 5 in a checkout."""
    asked = sys.argv[1:]
    if asked in (["--help"], ["-h"]):
        print("usage: torchferry-config OPTION")
        print("\n".join(f"  {option:<15}{help_}" for option, (_, help_) in _PLACES.items()))
        return
    if len(asked) != 1 or asked[0] not in _PLACES:
        _end(_USAGE, f"torchferry-config: got {' '.join(asked) or 'nothing'}, expected one of {', '.join(_PLACES)}")
    place, _ = _PLACES[asked[0]]
    if place is None:
        print(VERSION)
        return
    if not (FOLDER / place).is_dir() or not (FOLDER / "include").is_dir():
        _end(
            _UNAVAILABLE,
            f"torchferry-config: {FOLDER} has no C++ half; install a wheel, or `cmake --install build` in a checkout",
        )
    print(FOLDER / place)


def _end(code: int, line: str) -> NoReturn:
    print(f"error: {line}", file=sys.stderr)
    sys.exit(code)
