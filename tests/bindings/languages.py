"""The example program of each binding, built as its user would build it, and how it is started.

Every one has the same two verbs: `run BUNDLE ENGINE` takes the raw bytes of the one input on stdin and gives those of all outputs;
`verify BUNDLE` prints the report of replaying the goldens.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.programs import BUILD, ROOT
from torchferry.errors import ExitCode

BINDINGS = ROOT / "cpp" / "bindings"
INCLUDE, LIBRARY = ROOT / "cpp" / "include", BUILD / "lib"
_RUN_PATH = f"-L{LIBRARY} -Wl,-rpath,{LIBRARY}"
_PLACES = {"FERRY_INCLUDE_DIR": str(INCLUDE), "FERRY_LIB_DIR": str(LIBRARY)}


def _build(command: list[object], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **_PLACES, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode == ExitCode.UNAVAILABLE and done.stdout.startswith("error: "):
        pytest.skip(done.stdout)  # headers of node, which its package does not bring everywhere
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout, done.stdout


def rust(target: Path) -> list[str]:
    """Build the crate and its example, without the network."""
    _build(["cargo", "build", "--offline", "--example", "crossing"], BINDINGS / "rust", CARGO_TARGET_DIR=str(target))
    return [str(target / "debug" / "examples" / "crossing")]


def go(target: Path) -> list[str]:
    """Build the example by cgo."""
    flags = {"CGO_CFLAGS": f"-I{INCLUDE}", "CGO_LDFLAGS": _RUN_PATH, "GOPROXY": "off", "GOCACHE": str(target / "cache")}
    _build(["go", "vet", "./..."], BINDINGS / "go", **flags)
    _build(["go", "build", "-o", target / "crossing", "./crossing"], BINDINGS / "go", **flags)
    return [str(target / "crossing")]


def java(target: Path) -> list[str]:
    """Compile the jar, the native methods and the example."""
    _build(["sh", "build.sh", target], BINDINGS / "java")
    return ["java", f"-Dtorchferry.library={target / 'libferry_jni.so'}", "-cp", str(target / "classes"), "Crossing"]


def node(target: Path) -> list[str]:
    """Compile the Node-API module into a copy of the package."""
    package = target / "package"
    shutil.copytree(BINDINGS / "node", package, ignore=shutil.ignore_patterns("build"))
    _build(["sh", "build.sh"], package)
    return ["node", str(package / "crossing.js")]


# Language -> the program that its toolchain is known by, and the build.
LANGUAGES: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "rust": ("cargo", rust),
    "go": ("go", go),
    "java": ("javac", java),
    "node": ("node", node),
}


def example_of(language: str, target: Path) -> list[str]:
    """Return the command that starts the language's example, built into `target`; skips where its toolchain is not here."""
    program, build = LANGUAGES[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed; run `make setup-edge`")
    target.mkdir(parents=True)
    return build(target)
