"""The C++ half of this package: ferry-run, libferry, headers and CMake package.

In an installed wheel it lies inside the package's folder; a checkout has it in build/.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def own_ferry_run() -> Path | None:
    """Return the C++ program of this checkout or of this wheel; None where it has not been built."""
    return _own("bin/ferry-run")


def own_library() -> Path | None:
    """Return libferry of this checkout or of this wheel; None where it has not been built."""
    return _own("lib/libferry.so")


def checkout() -> Path | None:
    """Return the checkout that this package is read from; None where it is installed."""
    folder = FOLDER.parents[1]
    return folder if FOLDER.parent.name == "python" and (folder / "CMakeLists.txt").is_file() else None


def _own(place: str) -> Path | None:
    found = checkout()
    path = (FOLDER if found is None else found / "build") / place
    return path if path.is_file() else None
