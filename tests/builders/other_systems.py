"""ferry-run for another system: built by the preset of that name, with models linked in, and run by an emulator or Wine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from builders.programs import ROOT, Finished

# Where .ci/cross-packages puts the sources of libsodium that cmake/Sodium.cmake would download.
SODIUM = Path(os.environ.get("FERRY_SODIUM", Path(sys.prefix) / "libsodium"))
BUILD_LIMIT_S = 3600


@dataclass(frozen=True)
class System:
    """A preset of CMakePresets.json, the programs that it needs, and what goes before a program of that system."""

    preset: str
    needs: tuple[str, ...]
    runner: tuple[str, ...] = ()
    program: str = "bin/ferry-run"
    target: str = "ferry-run"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Return what is not installed here; `make setup-cross` installs it."""
        absent = [name for name in (*self.needs, *self.runner[:1]) if shutil.which(name, path=search_path()) is None]
        return absent if SODIUM.is_dir() else [*absent, "sources of libsodium"]

    def run(self, program: Path, *arguments: object, cwd: Path) -> Finished:
        """Run a program of that system to its end."""
        runner = [shutil.which(word, path=search_path()) or word for word in self.runner]
        done = subprocess.run(
            [*runner, str(program), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=300,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr.decode())


AARCH64 = System("aarch64", ("aarch64-linux-gnu-g++",), ("qemu-aarch64-static",))
MUSL = System("musl", ("zig",))
WINDOWS = System(
    "windows", ("x86_64-w64-mingw32-g++-posix",), ("wine64",), "bin/ferry-run.exe", environment={"WINEDEBUG": "-all"}
)
MACOS = System("macos", ("zig",))
WASM = System("wasm", ("emcc",), ("node",), "npm/crossing.js", "ferry_wasm")


def search_path() -> str:
    """Return PATH with the folder of zig, which the wheel `ziglang` has beside its modules, and that of Debian's 64-bit Wine."""
    zig = [str(folder / "ziglang") for folder in map(Path, sys.path) if (folder / "ziglang" / "zig").exists()]
    return os.pathsep.join([*zig, os.environ["PATH"], "/usr/lib/wine"])


def build(system: System, folder: Path, bundles: list[Path]) -> Path:
    """Build that system's program with the C of `bundles` linked in, in `folder`, and return its place."""
    options = [
        "-DFERRY_STATIC=ON",
        f"-DFETCHCONTENT_SOURCE_DIR_SODIUM={SODIUM}",
        f"-DFERRY_LINK_BUNDLES={';'.join(map(str, bundles))}",
    ]
    folder = folder.resolve()  # CMake writes it into each command
    known = (folder / "CMakeCache.txt").exists()  # its build type stays
    configure = ["cmake", *([] if known else ["--preset", system.preset]), "-S", str(ROOT), "-B", str(folder), *options]
    for command in (configure, ["cmake", "--build", str(folder), "--target", system.target]):
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PATH": search_path()},
            capture_output=True,
            text=True,
            timeout=BUILD_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder / system.program
