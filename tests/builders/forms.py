"""The forms of a bundle: whatever lies in a folder, as links, as one file and in memory, given to both readers."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from builders.programs import BUILD, Finished, Program, run_program
from torchferry.bundle.printable import printable
from torchferry.bundle.reader import Bundle
from torchferry.errors import FerryError

OPEN_MEMORY = BUILD / "tests" / "ferry-open-memory"
Opener = Callable[[Path], Finished]


def zip_folder(folder: Path, target: Path) -> Path:
    """Zip every file of a folder as `ferry pack` would, without any check; links are followed."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        paths = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
        for path in sorted(paths):
            name = os.fsencode(path.relative_to(folder)).decode(errors="replace")
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), path.read_bytes())
    return target


def linked(folder: Path, target: Path) -> Path:
    """Make `target` the folder with a link in place of each file, as in the cache of a hub. Replaces what is there."""
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(folder.rglob("*")):
        other = target / path.relative_to(folder)
        other.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_symlink() and path.is_dir():
            other.mkdir(exist_ok=True)
        else:
            other.symlink_to(path)
    return target


def as_one_file(program: Program) -> Program:
    """`program VERB FOLDER ...` on the folder as one file, which is beside it while the program runs."""

    def run(verb: str, folder: Path, *arguments: object, **options: object) -> Finished:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as beside:
            return program(verb, zip_folder(folder, Path(beside) / f"{folder.name}.ferry"), *arguments, **options)

    return run


def as_links(program: Program) -> Program:
    """`program VERB FOLDER ...` on a folder of links to the files of the folder, which is beside it while the program runs."""

    def run(verb: str, folder: Path, *arguments: object, **options: object) -> Finished:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as beside:
            return program(verb, linked(folder, Path(beside) / folder.name), *arguments, **options)

    return run


def from_memory_in_python(verb: str, file: Path) -> Finished:
    """Open the bytes of a file; answer as `ferry inspect` does."""
    assert verb == "inspect"
    try:
        bundle = Bundle.from_memory(Path(file).read_bytes(), name=str(file))
    except FerryError as error:
        return Finished(int(error.code), b"", f"error: {printable(str(error))}\n")
    return Finished(0, f"{bundle.manifest.name}\n".encode(), "")


def from_memory_in_cpp(verb: str, file: Path) -> Finished:
    """The same by libferry."""
    return run_program([str(OPEN_MEMORY)], verb, file)
