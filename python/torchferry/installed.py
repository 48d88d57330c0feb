"""The C++ half of this package: ferry-run, libferry, headers and CMake package.

In an installed wheel it lies inside the package's folder; a checkout has it in build/.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def own_ferry_run() -> Path | None:
    """Return the C++ program of this checkout or of this wheel; None where it has not been built."""
    checkout = FOLDER.parents[1]
    is_checkout = FOLDER.parent.name == "python" and (checkout / "CMakeLists.txt").is_file()
    program = (checkout / "build" if is_checkout else FOLDER) / "bin" / "ferry-run"
    return program if program.is_file() else None
