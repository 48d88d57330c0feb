"""The copy of the tree in which mutants live: build-mutants/tree, made from the files that git knows, kept between runs."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / os.environ.get("MUTANTS_FOLDER", "build-mutants") / "tree"  # two runs at once need two folders
UNUSED_ENGINES = ("AOTI", "EXECUTORCH")  # no mutant needs them, and they take minutes to build
TARGETS = (
    "ferry_tests",
    "ferry_cli_tests",
    "ferry-door",
    "ferry-open-memory",
    "ferry-run",
    "ferry",
    "ferry_engines",
)
_marks = itertools.count(1)


def refresh() -> None:
    """Make the copy the same as the tree: files that are the same keep their time, so that little is built again."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    paths = [Path(os.fsdecode(name)) for name in listed.split(b"\0") if name]
    for path in paths:
        _copy(ROOT / path, COPY / path)
    known = {COPY / path for path in paths}
    for folder in ("python", "cpp", "tests"):
        for path in (COPY / folder).rglob("*"):
            if path.is_file() and path not in known and "__pycache__" not in path.parts:
                path.unlink()
    environment = COPY / ".venv"
    if not environment.is_symlink():
        environment.symlink_to((ROOT / ".venv").resolve())


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        return
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


@contextmanager
def changed(mutant: Mutant) -> Iterator[None]:
    """The copy with one mutant in it; afterwards the file is as it was."""
    path = COPY / mutant.file
    before, status = path.read_text(encoding="utf-8"), path.stat()
    # Each text has a time of its own: by it Python, to the second, and ninja tell that a file was changed, also where the file
    # was copied long before the last build.
    path.write_text(mutant.apply(before), encoding="utf-8")
    later = max(status.st_mtime, time.time()) + 10 * next(_marks)
    os.utime(path, (later, later))
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        back = (status.st_mtime,) * 2 if path.suffix == ".py" else (later + 5,) * 2
        os.utime(path, back)


def configure() -> None:
    """Configure the C++ build of the copy, if it is not yet."""
    if (COPY / "build" / "build.ninja").exists():
        return
    ninja = COPY / ".venv" / "bin" / "ninja"
    options = [f"-DFERRY_ENGINE_{name}=OFF" for name in UNUSED_ENGINES]
    subprocess.run(
        [_cmake(), "--preset", "release", f"-DCMAKE_MAKE_PROGRAM={ninja}", "-DFERRY_BUILD_EXAMPLES=OFF", *options],
        cwd=COPY,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def build(*targets: str) -> str:
    """Build targets of the copy; returns what the compiler said where it failed, else an empty text."""
    done = subprocess.run(
        [_cmake(), "--build", "build", "-j", "2", "--target", *targets],
        cwd=COPY,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout if done.returncode else ""


def _cmake() -> str:
    beside = Path(sys.executable).parent / "cmake"
    return str(beside if beside.exists() else shutil.which("cmake"))
