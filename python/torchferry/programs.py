"""The console scripts of the wheel: `ferry`, `ferry-run`, which becomes the C++ program, and `torchferry-config`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from torchferry.installed import FOLDER, checkout, own_ferry_run, own_library
from torchferry.version import VERSION

_UNAVAILABLE, _USAGE, _INTERRUPTED = 5, 2, 130  # ExitCode, whose module would double the time until the program starts
_PLACES = {  # in the package's folder, in a checkout that was built ("": none there), and what it is
    "--prefix": ("", "", "the folder of the C++ half, as CMAKE_PREFIX_PATH takes it"),
    "--cmakedir": ("lib/cmake/ferry", "", "the folder of the CMake package, for -Dferry_DIR="),
    "--includedir": ("include", "cpp/include", "the folder of the headers, for -I"),
    "--libdir": ("lib", "build/lib", "the folder of libferry, for -L"),
    "--bindingsdir": ("share/ferry/bindings", "cpp/bindings", "the folder of the sources for Rust, Go, Java and Node"),
    "--bindir": ("bin", "build/bin", "the folder of the program ferry-run, which starts faster than this script"),
}
_WORDS = {
    "--flags": "all that a compiler needs: c++ -std=c++20 main.cpp $(torchferry-config --flags)",
    "--version": "the version",
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
    """Print where the C++ half lies, of an installed wheel or of a checkout. Exits with code 2 for a wrong command line, 5 without it."""
    asked = sys.argv[1:]
    if asked in (["--help"], ["-h"]):
        print("usage: torchferry-config OPTION")
        options = _WORDS | {option: help_ for option, (_, _, help_) in _PLACES.items()}
        print("\n".join(f"  {option:<15}{help_}" for option, help_ in options.items()))
    elif asked == ["--version"]:
        print(VERSION)
    elif asked == ["--flags"]:
        libraries = _place("--libdir")
        print(f"-I{_place('--includedir')} -L{libraries} -Wl,-rpath,{libraries} -lferry")
    elif len(asked) == 1 and asked[0] in _PLACES:
        print(_place(asked[0]))
    else:
        known = ", ".join([*_WORDS, *_PLACES])
        _end(_USAGE, f"torchferry-config: got {' '.join(asked) or 'nothing'}, expected one of {known}")


def _place(option: str) -> Path:
    """Return the folder of the C++ half that an option names. Exits with code 5 where there is none."""
    of_wheel, of_checkout, _ = _PLACES[option]
    root = checkout()
    if root is not None and of_checkout and own_library() is not None:
        return root / of_checkout
    if root is not None or not (FOLDER / "include").is_dir() or not (FOLDER / of_wheel).is_dir():
        remedy = (
            "install a wheel, or `make build`" if of_checkout else "install a wheel, or `cmake --install build` in a checkout"
        )
        _end(_UNAVAILABLE, f"torchferry-config: {FOLDER} has no C++ half for {option}; {remedy}")
    return FOLDER / of_wheel


def _end(code: int, line: str) -> NoReturn:
    print(f"error: {line}", file=sys.stderr)
    sys.exit(code)
