"""Programs and shared libraries, and where the loader looks for what they need."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def binaries(folder: Path) -> list[Path]:
    """The programs and shared libraries below that folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and "CMakeFiles" not in path.parts]
    return [path for path in files if path.read_bytes()[:4] == b"\x7fELF" and path.suffix not in {".o", ".a"}]


def run_path(binary: Path) -> list[str]:
    """The folders in which the loader looks for what that binary needs."""
    shown = subprocess.run(["readelf", "--dynamic", "--wide", binary], check=True, capture_output=True, text=True).stdout
    return [element for path in re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", shown) for element in path.split(":")]


def is_safe(element: str) -> bool:
    """Is that folder the same from wherever the program is started?"""
    return element.startswith(("/", "$ORIGIN/")) or element == "$ORIGIN"


def needed(binary: Path) -> set[str]:
    """The names of the libraries that a binary asks the loader for."""
    shown = subprocess.run(["readelf", "--dynamic", "--wide", binary], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", shown))
